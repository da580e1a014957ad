package knob

// layers are the values that will be taken back, by path. What a path is worth is its last
// layer, or what lies below all of them: layers may be lifted in any order, and what is
// set for good does away with them.
type layers map[string]*stack

type stack struct {
	base   string
	layers []layer
}

type layer struct {
	id   int // the batch
	text string
}

// lay puts the values of a batch on top.
func (l layers) lay(id int, set map[string]string, below func(path string) string) {
	for path, text := range set {
		s, ok := l[path]
		if !ok {
			s = &stack{base: below(path)}
			l[path] = s
		}
		s.layers = append(s.layers, layer{id, text})
	}
}

// settle takes note of paths that are set for good.
func (l layers) settle(set map[string]string) {
	for path := range set {
		delete(l, path)
	}
}

// keep makes the values of a batch, where they are not done away with, those below which
// nothing lies.
func (l layers) keep(id int) {
	for path, s := range l {
		if i := s.find(id); i >= 0 {
			s.base, s.layers = s.layers[i].text, s.layers[i+1:]
			l.drop(path)
		}
	}
}

// lift takes the values of a batch away and returns what comes to light.
func (l layers) lift(id int) map[string]string {
	found := map[string]string{}
	for path, s := range l {
		i := s.find(id)
		if i < 0 {
			continue
		}
		top := i == len(s.layers)-1
		s.layers = append(s.layers[:i], s.layers[i+1:]...)
		if top {
			found[path] = s.base
			if i > 0 {
				found[path] = s.layers[i-1].text
			}
		}
		l.drop(path)
	}
	return found
}

// drop forgets a path on which no layer lies.
func (l layers) drop(path string) {
	if len(l[path].layers) == 0 {
		delete(l, path)
	}
}

func (s *stack) find(id int) int {
	for i, layer := range s.layers {
		if layer.id == id {
			return i
		}
	}
	return -1
}

package live

import (
	"math"
	"slices"
	"strings"
)

// pane is a part of the screen, a title with lines below it. It gets as many lines as it
// wants if there is room, and no less than least.
type pane struct {
	title string
	extra []string // at the right end of the title, as much as there is room for; may hold colours
	least int      // lines below the title
	want  int
	grow  int // share of the lines that nobody wants
	rank  int // the highest goes first when there is no room for all
	draw  func(width, height int) []string
}

func one(extra string) []string {
	if extra == "" {
		return nil
	}
	return []string{extra}
}

// block makes exactly height lines of exactly width columns of any lines.
func block(lines []string, width, height int) []string {
	out := make([]string, height)
	for i := range out {
		if i < len(lines) {
			out[i] = fit(lines[i], width)
		} else {
			out[i] = spaces(width)
		}
	}
	return out
}

// stack draws panes above each other.
func (m *model) stack(panes []pane, width, height int) []string {
	panes = dropped(panes, height)
	heights := shares(panes, height)
	var out []string
	for i, p := range panes {
		out = append(out, m.heading(p, width))
		out = append(out, block(p.draw(width, heights[i]), width, heights[i])...)
	}
	return block(out, width, height)
}

// dropped leaves out the panes that matter least until the others have room.
func dropped(panes []pane, height int) []pane {
	panes = slices.DeleteFunc(slices.Clone(panes), func(p pane) bool { return p.least+p.want+p.grow == 0 && len(p.extra) == 0 })
	for {
		need := 0
		for _, p := range panes {
			need += p.least + 1
		}
		if need <= height || len(panes) == 0 {
			return panes
		}
		worst := 0
		for i, p := range panes {
			if p.rank >= panes[worst].rank {
				worst = i
			}
		}
		panes = slices.Delete(panes, worst, worst+1)
	}
}

// shares says how many lines each pane has below its title.
func shares(panes []pane, height int) []int {
	heights := make([]int, len(panes))
	left, growing := height, 0
	for i, p := range panes {
		heights[i] = p.least
		left -= p.least + 1
		growing += p.grow
	}
	order := make([]int, len(panes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return panes[a].rank - panes[b].rank })
	for given := true; given && left > 0; { // in turn, so that nobody's wish comes before all needs of others
		given = false
		for _, i := range order {
			if heights[i] < panes[i].want && left > 0 {
				heights[i]++
				left--
				given = true
			}
		}
	}
	for _, i := range order {
		if growing > 0 && left > 0 {
			more := int(math.Ceil(float64(left) * float64(panes[i].grow) / float64(growing)))
			heights[i] += more
			left -= more
			growing -= panes[i].grow
		}
	}
	return heights
}

// heading is the line above a pane.
func (m *model) heading(p pane, width int) string {
	t := &m.theme
	left := t.dim.paint("─ ") + t.title.paint(p.title) + " "
	extra := ""
	if room := width - columns(left) - 5; room > 4 && len(p.extra) > 0 {
		if extra = joined(p.extra, "  ", room); extra != "" {
			extra = " " + extra + " "
		}
	}
	rule := strings.Repeat("─", max(width-columns(left)-columns(extra), 0))
	if len(extra) > 0 {
		keep := min(1, columns(rule))
		return fit(left+t.dim.paint(strings.Repeat("─", columns(rule)-keep))+extra+t.dim.paint(strings.Repeat("─", keep)), width)
	}
	return fit(left+t.dim.paint(rule), width)
}

// beside puts columns of lines next to each other, with two spaces between them.
func beside(parts ...[]string) []string {
	var out []string
	for i := range parts[0] {
		var b strings.Builder
		for p, lines := range parts {
			if p > 0 {
				b.WriteString("  ")
			}
			b.WriteString(lines[i])
		}
		out = append(out, b.String())
	}
	return out
}

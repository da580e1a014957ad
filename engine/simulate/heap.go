package simulate

// event is something that will happen to a try, an ask or a node.
type event struct {
	at   int64 // nanoseconds from the start
	id   int32 // of the try, the ask or the node
	kind eventKind
	mark uint32 // of a node: the state it was made for
}

type eventKind uint8

const (
	served  eventKind = iota // a try is done
	again                    // an ask is tried again
	drained                  // the least job of a node with shared servers is done
	look                     // the balancer looks at all nodes
)

// heap is events, the first one in front: each has four children, which is quicker than two
// because they share cache lines (LaMarca and Ladner 1996).
type heap []event

func (h *heap) push(e event) {
	s := append(*h, e)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 4
		if s[up].at <= e.at {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = e
	*h = s
}

// pop takes the first event; there is one.
func (h *heap) pop() event {
	s := *h
	first, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	n := len(s)
	if n == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least, at := child, s[child].at
		for k := child + 1; k < min(child+4, n); k++ {
			if s[k].at < at {
				least, at = k, s[k].at
			}
		}
		if at >= last.at {
			break
		}
		s[i] = s[least]
		i = least
	}
	s[i] = last
	return first
}

// deadline is when an ask gives up its try, unless it has gone on since.
type deadline struct {
	at    int64
	ask   int32
	stamp uint32
}

// deadlines are in the order in which they were made, because all timeouts are equal; so
// they need no heap.
type deadlines struct {
	ring    []deadline // as long as a power of two
	head, n int
}

func (q *deadlines) push(d deadline) {
	if q.n == len(q.ring) {
		grown := make([]deadline, max(2*len(q.ring), 64))
		for i := range q.n {
			grown[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
		}
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = d
	q.n++
}

// pop takes the first deadline; there is one.
func (q *deadlines) pop() deadline {
	d := q.ring[q.head]
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return d
}

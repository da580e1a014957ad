package work

import "sync"

// MostLive is how many MiB a Heap holds at the most.
const MostLive = 1024

// Heap holds memory alive that is full of pointers, which the garbage collector has to
// trace in every cycle. The zero value holds nothing.
type Heap struct {
	mu     sync.Mutex
	blocks [][]*node // one a MiB
}

// Hold has the heap hold so many MiB from now on, up to MostLive. It allocates or lets go
// of the difference.
func (h *Heap) Hold(mib int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	mib = clamp(mib, MostLive)
	for len(h.blocks) < mib {
		// a node and the pointer at it are 72 bytes
		block := make([]*node, 1<<20/(nodeSize+8))
		for i := range block {
			block[i] = &node{}
			block[i].next, block[i].other = block[i/2], block[max(0, i-1)]
		}
		h.blocks = append(h.blocks, block)
	}
	clear(h.blocks[mib:])
	h.blocks = h.blocks[:mib]
}

// Held returns how many MiB the heap holds.
func (h *Heap) Held() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.blocks)
}

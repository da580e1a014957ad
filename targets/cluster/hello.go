package cluster

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"plimsoll/targets/shm"
)

// What goes to a worker's standard input: the greeting, two blocks (a hello as JSON, and
// what Boot returned), then commands until the pipe ends.
const (
	greeting    = "plimsoll cluster 1\n"
	goCommand   = 'g' // take connections
	byeCommand  = 'b' // take no more and finish what is under way; 8 bytes of nanoseconds follow, the longest time for it
	mostBoot    = 1 << 28
	readySignal = 'r' // the only thing that a worker says, on its control socket
)

// Where a worker finds its descriptors.
const (
	controlFile = 3
	statsFile   = 4
	doorFile    = 5
	sharedFile  = 6
)

// hello is what a worker is.
type hello struct {
	ID         int    `json:"id"`
	Generation int    `json:"generation"`
	Seat       seat   `json:"seat"`
	Share      string `json:"share"`
	Address    string `json:"address"`
	Shared     bool   `json:"shared"` // there is a sharedFile
}

// greet writes the greeting and both blocks.
func (h hello) greet(w io.Writer, boot []byte) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	message := append([]byte(greeting), block(text)...)
	_, err = w.Write(append(message, block(boot)...))
	return err
}

func block(text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// readHello reads what greet wrote.
func readHello(r *bufio.Reader) (h hello, boot []byte, err error) {
	words := make([]byte, len(greeting))
	if _, err := io.ReadFull(r, words); err != nil || string(words) != greeting {
		return h, nil, ErrNotWorker
	}
	text, err := readBlock(r)
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err == nil {
		boot, err = readBlock(r)
	}
	return h, boot, err
}

func readBlock(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > mostBoot {
		return nil, fmt.Errorf("a block of %d bytes is longer than %d", n, mostBoot)
	}
	text := make([]byte, n)
	_, err := io.ReadFull(r, text)
	return text, err
}

// bye is the command to go within the time.
func bye(drain time.Duration) []byte {
	return binary.BigEndian.AppendUint64([]byte{byeCommand}, uint64(drain))
}

// seat is where a process counts, in memory that outlives it.
type seat int

// seatCount bounds the processes that live at the same time: two generations, and those
// of an earlier one that still drain.
const seatCount = 4 * mostWorkers

// Counters are what a worker counts about itself. The master reads them, and keeps the
// requests when the worker has died.
type Counters struct {
	Requests    shm.Counter // requests that were begun
	Connections shm.Counter // connections that are open
}

// counters returns the counters of the seat.
func (s seat) counters(stats *shm.Memory) (c Counters, err error) {
	if c.Requests, err = stats.Counter(fmt.Sprintf("%d/requests", s)); err != nil {
		return c, err
	}
	c.Connections, err = stats.Counter(fmt.Sprintf("%d/connections", s))
	return c, err
}

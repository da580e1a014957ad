package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// alive is how often a comment is sent when nothing happens, so that neither side takes
// the connection for dead.
const alive = 15 * time.Second

// events sends what happens as server-sent events: the event's kind, its number as id, and
// the event as JSON. One who comes back with Last-Event-ID, or asks with since, gets what
// is kept from there.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
	since := r.Header.Get("Last-Event-ID")
	if s := r.URL.Query().Get("since"); s != "" {
		since = s
	}
	from, err := strconv.ParseUint(since, 10, 64)
	if err != nil && since != "" {
		explain(mistake("since", "", "%q is not an event's number", since)).Write(w, r)
		return
	}
	if since == "" {
		from = a.target.Events.Last()
	}
	events, stop := a.target.Events.Listen(from)
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, ": events of the target\n\n")
	out, tick := http.NewResponseController(w), time.NewTicker(alive)
	defer tick.Stop()
	for {
		if out.Flush() != nil {
			return
		}
		select {
		case e := <-events:
			text, err := json.Marshal(e)
			if err != nil {
				continue // its data is no JSON, and cannot be shown
			}
			fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Kind, text)
		case <-tick.C:
			fmt.Fprint(w, ": nothing new\n\n")
		case <-r.Context().Done():
			return
		}
	}
}

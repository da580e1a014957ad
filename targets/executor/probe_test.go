package executor

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLagOfNowSeesABlockedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		c := newCrowd(e, func(http.ResponseWriter, *http.Request) { time.Sleep(200 * ms) })
		time.Sleep(15 * ms)
		if lag := e.Lag(); lag != 0 {
			t.Errorf("at rest the lag is %v", lag)
		}
		c.send(t.Context(), "/")
		time.Sleep(105 * ms)
		if lag := e.Lag(); lag != 100*ms { // the probe's task is due at 20, and it is 120
			t.Errorf("after 100ms of blocking the lag is %v", lag)
		}
		c.wg.Wait()
		if lag := e.Lag(); lag < 190*ms {
			t.Errorf("after the block the lag is %v", lag)
		}
		e.Configure(config("goroutine"))
		if lag := e.Lag(); lag != 0 {
			t.Errorf("without a loop the lag is %v", lag)
		}
		e.Configure(config(eventLoop))
		time.Sleep(25 * ms)
		e.Epoch("calm")
		time.Sleep(100 * ms)
		if got := e.Stats().Loop; got.Lag.Max > 0.01 || got.Lag.Count < 9 || got.Tasks != 0 {
			t.Errorf("in a new epoch: %+v", got)
		}
		e.Close()
	})
}

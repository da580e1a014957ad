package text

import (
	"cmp"
	"slices"
	"strings"

	"plimsoll/engine"
	"plimsoll/report"
)

// failure is one way in which requests failed.
type failure struct {
	what, meaning string
	n             uint64
}

// failures shows why requests failed, most frequent first, with what it means.
func failures(p *printer, run *report.Run) {
	all := collect(run)
	if len(all) == 0 {
		return
	}
	t := table{columns: []column{{title: "Errors", left: true, flex: true}, {title: "count"}, {title: "share"}, {left: true, flex: true}}}
	requests := countRequests(run)
	for _, f := range all {
		t.add(cell{"  " + f.what, plain}, cell{report.FormatCount(f.n), red},
			cell{report.FormatShare(float64(f.n) / float64(max(requests, 1))), plain}, cell{f.meaning, dim})
	}
	p.line("")
	t.write(p)
}

func countRequests(run *report.Run) (n uint64) {
	for _, l := range run.Loads {
		for _, r := range l.Requests {
			n += r.Count
		}
	}
	return n
}

func collect(run *report.Run) []failure {
	sums := map[failure]uint64{} // without n
	for _, l := range run.Loads {
		for _, r := range l.Requests {
			for kind, n := range r.Errors {
				sums[failure{what: clean(kind), meaning: meaning(kind)}] += n
			}
			for code, n := range badCodes(r) {
				sums[failure{what: "status " + clean(code), meaning: statusMeaning(code)}] += n
			}
			for check, c := range r.Checks {
				sums[failure{what: "check " + clean(check), meaning: "the answer did not hold to it"}] += c.Failed
			}
		}
	}
	var all []failure
	for f, n := range sums {
		if n > 0 {
			all = append(all, failure{f.what, f.meaning, n})
		}
	}
	slices.SortFunc(all, func(a, b failure) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.what, b.what))
	})
	return all
}

// badCodes returns the answers by which a server says no. A request that never failed
// was meant to get them.
func badCodes(r report.Request) map[string]uint64 {
	bad := map[string]uint64{}
	for code, n := range r.Codes {
		if r.Failed > 0 && code >= "400" {
			bad[code] = n
		}
	}
	return bad
}

func statusMeaning(code string) string {
	switch {
	case code == "429":
		return "the target limits the rate"
	case code == "503":
		return "the target sheds load, or is down"
	case code == "401" || code == "403":
		return "not allowed: look at auth"
	case code == "404":
		return "nothing there: look at the URL"
	case code == "502" || code == "504":
		return "a proxy did not reach what is behind it"
	case code >= "500":
		return "the target failed"
	}
	return "the target refused the request"
}

// meaning says what a kind of failure means, in words for somebody who must act on it.
func meaning(kind string) string {
	switch kind {
	case engine.ErrDNS:
		return "the name has no address"
	case engine.ErrRefused:
		return "nobody listens there"
	case engine.ErrUnreachable:
		return "no way to the network or host"
	case engine.ErrConnectTimeout:
		return "no connection in time: backlog full, or packets lost"
	case engine.ErrCertificate:
		return "the certificate does not hold; -k skips the check"
	case engine.ErrTLS:
		return "the handshake or a record went wrong"
	case engine.ErrTimeout:
		return "the answer was not complete in time"
	case engine.ErrFirstByteTimeout:
		return "the answer did not begin in time"
	case engine.ErrReset:
		return "the target cut the connection"
	case engine.ErrClosed:
		return "the connection was closed before an answer"
	case engine.ErrTruncated:
		return "the connection was closed within an answer"
	}
	return rareMeaning(kind)
}

func rareMeaning(kind string) string {
	switch kind {
	case engine.ErrMalformed:
		return "the answer is not proper HTTP"
	case engine.ErrLeftover:
		return "bytes came after the end of the answer"
	case engine.ErrHeaderLimit:
		return "the head of the answer is too long"
	case engine.ErrBodyLimit:
		return "the body of the answer is too long"
	case engine.ErrRedirects:
		return "more redirects than allowed"
	case engine.ErrPorts:
		return "this machine had no free port"
	case engine.ErrFiles:
		return "this machine allows no more open files: ulimit -n"
	case engine.ErrTemplate:
		return "a value for the request was missing"
	case engine.ErrData:
		return "a data source ran out of rows"
	case engine.ErrInterrupted:
		return "the run was stopped"
	}
	return ""
}

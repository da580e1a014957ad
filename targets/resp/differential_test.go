package resp

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"plimsoll/targets/servertest"

	"pgregory.net/rapid"
)

// TestAnySequenceOfCommandsGoesAsWithRedis compares the answers, and at the end the keys.
func TestAnySequenceOfCommandsGoesAsWithRedis(t *testing.T) {
	theirs := dial(t, servertest.Redis(t))
	key := rapid.SampledFrom([]string{"a", "b", "c"})
	word := rapid.SampledFrom([]string{"", "0", "1", "2", "-3", "x", "y", "9223372036854775807", "1.5", "-1"})
	words := map[string]int{}
	for _, c := range append(keyCommands(), valueCommands()...) {
		words[c.name] = c.words
	}
	commands := rapid.SampledFrom(sorted(words))
	options := rapid.SampledFrom([]string{"NX", "XX", "GET", "KEEPTTL", "GT", "LT", "CH", "EX", "LIMIT", "WITHSCORES", "(1", "-inf", "inf"})
	rapid.Check(t, func(r *rapid.T) {
		ours := New(defaults(), Extensions{})
		defer ours.Close()
		theirs.ask("FLUSHALL")
		for range rapid.IntRange(1, 40).Draw(r, "commands") {
			name := commands.Draw(r, "command")
			args := draw(r, name, words[name], key, word, options)
			want := theirs.ask(args...)
			got := say(ours.Do(t.Context(), args...))
			if !alike(args[0], got, want) {
				r.Fatalf("%q\nembedded %s\n   redis %s", args, got, want)
			}
			sound(r, ours)
		}
	})
}

// draw makes up arguments, of a number that the command takes.
func draw(r *rapid.T, name string, n int, key, word, option *rapid.Generator[string]) []string {
	if n < 0 {
		n = rapid.IntRange(-n, 3-n).Draw(r, "words")
	}
	args := []string{name}
	for i := 1; i < n; i++ {
		switch {
		case i == 1, i > 1 && slices.Contains([]string{"del", "unlink", "mget", "exists"}, name):
			args = append(args, key.Draw(r, "key"))
		case rapid.IntRange(0, 5).Draw(r, "is option") == 0:
			args = append(args, option.Draw(r, "option"))
		default:
			args = append(args, word.Draw(r, "word"))
		}
		if last := args[i]; (last == "1" || last == "2") && slices.Contains([]string{"set", "setex", "psetex", "expire", "pexpire"}, name) {
			args[i] = last + "00000" // milliseconds that do not end while the test runs
		}
	}
	return args
}

// alike compares two answers, but for the order of what has none and times under way.
func alike(command, got, want string) bool {
	switch command {
	case "keys", "hgetall":
		return inOrder(got) == inOrder(want)
	case "ttl", "pttl":
		a, errA := strconv.ParseInt(got, 10, 64)
		b, errB := strconv.ParseInt(want, 10, 64)
		return errA == nil && errB == nil && (a == b || a > 0 && b > 0)
	case "scan": // a cursor is the server's own, and so is when a page ends
		return (got[0] == '-') == (want[0] == '-')
	case "expireat", "pexpireat", "flushdb", "flushall":
		return (got[0] == '-') == (want[0] == '-')
	}
	return got == want
}

// sound checks what always holds: the bytes are those of the keys, the rings and heaps whole.
func sound(t interface{ Fatalf(string, ...any) }, s *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for key, e := range s.data.entries {
		want := entryBytes + int64(len(key)+len(e.text))
		for f, v := range e.hash {
			want += int64(len(f)+len(v)) + 2*elementBytes
		}
		for i := 0; e.list != nil && i < e.list.len(); i++ {
			want += int64(len(e.list.at(i))) + elementBytes
		}
		if e.zset != nil {
			for _, m := range e.zset.order {
				want += int64(len(m.name)) + elementBytes + scoreBytes
			}
			if len(e.zset.order) != len(e.zset.scores) || !slices.IsSortedFunc(e.zset.order, byScore) {
				t.Fatalf("%q: members %v out of order, or not those of %v", key, e.zset.order, e.zset.scores)
			}
		}
		if e.bytes != want || e.size() == 0 || (e.expires != 0) != (e.place >= 0) {
			t.Fatalf("%q: %d bytes counted, %d there; %d elements; expires %d at place %d", key, e.bytes, want, e.size(), e.expires, e.place)
		}
		sum += want
	}
	ring := 0
	for e := s.data.use.newer; e != &s.data.use; e = e.newer {
		ring++
	}
	for i, e := range s.data.expiring {
		if e.place != i || s.data.entries[e.key] != e {
			t.Fatalf("the heap of what expires is torn at %d", i)
		}
	}
	if sum != s.data.bytes || ring != len(s.data.entries) {
		t.Fatalf("%d bytes counted, %d there; %d keys, %d in the ring", s.data.bytes, sum, len(s.data.entries), ring)
	}
}

func TestAPatternMatchesAsWithRedis(t *testing.T) {
	theirs := dial(t, servertest.Redis(t))
	rapid.Check(t, func(r *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?[]^-\\c")), 1, 8, -1).Draw(r, "pattern")
		key := rapid.StringOfN(rapid.SampledFrom([]rune("abc-]")), 1, 6, -1).Draw(r, "key")
		theirs.ask("FLUSHALL")
		theirs.ask("SET", key, "")
		if want := theirs.ask("KEYS", pattern) != "[]"; glob(pattern, key) != want {
			r.Fatalf("glob(%q, %q) is not %v", pattern, key, want)
		}
	})
}

func FuzzCommands(f *testing.F) {
	for line := range strings.Lines(conversation) {
		if command, _, ok := strings.Cut(line, "> "); ok {
			f.Add(command)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := New(defaults(), Extensions{Scripts: []Script{take}})
		defer s.Close()
		c := &client{}
		for line := range strings.Lines(text) {
			args := bytes.Fields([]byte(line))
			if len(args) == 0 {
				continue
			}
			out := s.answer(t.Context(), c, nil, args)
			if n, _ := decode(out); n != len(out) {
				t.Fatalf("%q: the answer %q ends at %d", args, out, n)
			}
			sound(t, s)
		}
	})
}

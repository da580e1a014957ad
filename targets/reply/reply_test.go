package reply

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestARecordedAnswerIsGivenAgain(t *testing.T) {
	rec := NewRecorder(100, nil)
	rec.Header().Set("Content-Type", "text/plain")
	rec.Header().Add("Link", "<b>")
	rec.Header().Add("Link", "<a>")
	rec.Header().Set("Date", "yesterday")
	rec.Header().Set("Connection", "close, X-Hop")
	rec.Header().Set("X-Hop", "1")
	rec.WriteHeader(http.StatusEarlyHints)
	rec.WriteHeader(http.StatusCreated)
	rec.WriteHeader(http.StatusTeapot)
	rec.Header().Set("X-Late", "1")
	rec.Write([]byte("hello"))
	rec.Write([]byte(" again"))
	r := rec.Reply()

	parsed, err := Parse(r.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "overwritten")
	w.Header().Set("X-Outer", "kept")
	if err := parsed.Write(w); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Content-Type": {"text/plain"}, "Link": {"<b>", "<a>"}, "X-Outer": {"kept"}, "Content-Length": {"11"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("header -want +got\n%s", diff)
	}
	if w.Code != 201 || w.Body.String() != "hello again" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestAHandlerThatWritesNothingAnswers200(t *testing.T) {
	rec := NewRecorder(10, nil)
	if rec.Status() != 0 {
		t.Error("a status before anything was written")
	}
	if r := rec.Reply(); r.Status != 200 || len(r.Body) != 0 {
		t.Errorf("got %d %q", r.Status, r.Body)
	}
}

func TestForwardGivesAllOfTheHeader(t *testing.T) {
	rec, w := NewRecorder(10, nil), httptest.NewRecorder()
	rec.Header().Set("Server-Timing", "db;dur=1")
	rec.WriteHeader(201)
	rec.Write([]byte("made"))
	if err := rec.Forward(w); err != nil || w.Code != 201 || w.Body.String() != "made" || w.Header().Get("Server-Timing") == "" {
		t.Errorf("%v: got %d %q %v", err, w.Code, w.Body, w.Header())
	}
}

func TestAnAnswerPastTheLimit(t *testing.T) {
	t.Run("is refused without a writer", func(t *testing.T) {
		rec := NewRecorder(4, nil)
		if _, err := rec.Write([]byte("1234")); err != nil {
			t.Fatalf("at the limit: %v", err)
		}
		if _, err := rec.Write([]byte("5")); !errors.Is(err, ErrTooLong) || !rec.TooLong() {
			t.Errorf("past the limit: %v", err)
		}
	})
	t.Run("goes through to the writer", func(t *testing.T) {
		w := httptest.NewRecorder()
		rec := NewRecorder(4, w)
		rec.Header().Set("X-A", "1")
		rec.WriteHeader(202)
		for _, part := range []string{"123", "456", "789"} {
			if n, err := rec.Write([]byte(part)); n != 3 || err != nil {
				t.Fatalf("wrote %d, %v", n, err)
			}
		}
		if w.Code != 202 || w.Body.String() != "123456789" || w.Header().Get("X-A") != "1" {
			t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
		}
	})
}

func TestSetReplacesAndKeepsTheOrder(t *testing.T) {
	r := Reply{Fields: []Field{{"A", "1"}, {"C", "2"}, {"C", "3"}, {"D", "4"}}}
	r.Set("C", "5")
	r.Set("B", "6")
	if diff := cmp.Diff([]Field{{"A", "1"}, {"B", "6"}, {"C", "5"}, {"D", "4"}}, r.Fields); diff != "" {
		t.Error(diff)
	}
	if r.Get("B") != "6" || r.Get("Z") != "" {
		t.Error("Get does not find what Set set")
	}
}

func TestParseReadsWhatAppendWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Reply{
			Status: rapid.IntRange(200, 599).Draw(t, "status"),
			Body:   rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
			Fields: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Field {
				return Field{rapid.String().Draw(t, "name"), rapid.String().Draw(t, "value")}
			})).Draw(t, "fields"),
		}
		out, err := Parse(in.Append([]byte{}))
		if err != nil {
			t.Fatal(err)
		}
		if out.Status != in.Status || !bytes.Equal(out.Body, in.Body) || len(out.Fields) != len(in.Fields) {
			t.Fatalf("got %+v, want %+v", out, in)
		}
		for i := range in.Fields {
			if in.Fields[i] != out.Fields[i] {
				t.Fatalf("field %d: got %q, want %q", i, out.Fields[i], in.Fields[i])
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	r := Reply{Status: 200, Fields: []Field{{"Etag", `"1"`}}, Body: []byte("body")}
	f.Add(r.Append(nil))
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{3, 200, 1, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(got.Append(nil))
		if err != nil || cmp.Diff(got, again) != "" {
			t.Errorf("%v: %+v became %+v", err, got, again)
		}
	})
}

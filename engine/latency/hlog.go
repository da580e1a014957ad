package latency

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// LogWriter writes histograms as a HdrHistogram log, format 1.3 with V2 encoding, that
// the Java and Go tools read: one line per histogram, values in nanoseconds, times in
// seconds from the start, the Interval_Max column in milliseconds. It is not safe for
// concurrent use.
type LogWriter struct {
	w      io.Writer
	encode encoder
}

// NewLogWriter writes the header of a log that begins at start.
func NewLogWriter(w io.Writer, start time.Time) (*LogWriter, error) {
	start = start.UTC()
	seconds := fmt.Sprintf("%d.%03d", start.Unix(), start.Nanosecond()/1e6)
	_, err := fmt.Fprintf(w, "#[Histogram log format version 1.3]\n"+
		"#[StartTime: %s (seconds since epoch), %s]\n"+
		"#[BaseTime: %s (seconds since epoch)]\n"+
		`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"`+"\n",
		seconds, start.Format(time.RFC3339), seconds)
	if err != nil {
		return nil, fmt.Errorf("write histogram log: %w", err)
	}
	return &LogWriter{w: w}, nil
}

// Write adds one line, in a single Write to the writer below: what h counted between from
// and to, offsets from the start of the log. The tag may hold any text; an empty one is
// left out. An empty histogram is not written.
func (l *LogWriter) Write(tag string, from, to time.Duration, h *Histogram) error {
	if h.Count() == 0 {
		return nil
	}
	var line []byte
	if tag != "" {
		line = append(appendTag(append(line, "Tag="...), tag), ',')
	}
	line = append(appendDecimal(line, int64(from), 9), ',')
	line = append(appendDecimal(line, int64(to-from), 9), ',')
	line = append(appendDecimal(line, int64(h.Max()), 6), ',')
	line, err := l.encode.appendBase64(line, h)
	if err != nil {
		return fmt.Errorf("encode histogram %q: %w", tag, err)
	}
	if _, err := l.w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write histogram log: %w", err)
	}
	return nil
}

// appendDecimal appends v / 10^digits, exactly.
func appendDecimal(to []byte, v int64, digits int) []byte {
	if v < 0 {
		to, v = append(to, '-'), -v
	}
	text := fmt.Sprintf("%0*d", digits+1, v)
	point := len(text) - digits
	return append(append(append(to, text[:point]...), '.'), text[point:]...)
}

// appendTag appends the tag with everything escaped as in a URL that readers take for the
// end of a field or a line.
func appendTag(to []byte, tag string) []byte {
	for _, c := range []byte(tag) {
		if c <= ' ' || c >= 0x7f || c == ',' || c == '%' {
			to = fmt.Appendf(to, "%%%02X", c)
		} else {
			to = append(to, c)
		}
	}
	return to
}

// LogLine is one histogram of a log.
type LogLine struct {
	Tag       string
	From, To  time.Duration // offsets from the start of the log
	Histogram *Histogram
}

// ReadLog yields the lines of a HdrHistogram log in order. A line that cannot be read,
// such as the last one of a writer that was killed, yields an error that names it; who
// goes on gets the lines after it. Histograms of more than three significant digits are
// refused. A log holds buckets only: counts, quantiles and the maximum are those that were
// written, but the minimum is the lower end of its bucket, and sum and mean are worked out
// from the middles of the buckets (at most 0.05 % off).
func ReadLog(r io.Reader) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		in := logReader{}
		lines := bufio.NewReader(r)
		for n := 1; ; n++ {
			text, err := lines.ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				yield(LogLine{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			line, found, bad := in.parse(strings.TrimRight(text, "\r\n"))
			if bad != nil {
				bad = fmt.Errorf("line %d: %w", n, bad)
			}
			if (found || bad != nil) && !yield(line, bad) || err != nil {
				return
			}
		}
	}
}

// logReader knows what the header said, in time since 1970.
type logReader struct {
	start, base       time.Duration
	hasStart, hasBase bool
}

// parse reads one line; found is false for comments and the legend.
func (in *logReader) parse(text string) (line LogLine, found bool, err error) {
	switch {
	case text == "" || text[0] == '"':
		return line, false, nil
	case text[0] == '#':
		in.header(text)
		return line, false, nil
	}
	if rest, ok := strings.CutPrefix(text, "Tag="); ok {
		line.Tag, text, _ = strings.Cut(rest, ",")
		if plain, err := url.PathUnescape(line.Tag); err == nil {
			line.Tag = plain
		}
	}
	fields := strings.Split(text, ",")
	if len(fields) != 4 {
		return line, false, fmt.Errorf("%d fields after the tag, want 4", len(fields))
	}
	at, err := parseSeconds(fields[0])
	if err != nil {
		return line, false, err
	}
	length, err := parseSeconds(fields[1])
	if err != nil {
		return line, false, err
	}
	line.From = in.offset(at)
	line.To = line.From + length
	line.Histogram, err = decode(fields[3], fields[2])
	return line, err == nil, err
}

// header keeps the times that a comment tells.
func (in *logReader) header(text string) {
	if rest, ok := strings.CutPrefix(text, "#[StartTime: "); ok {
		in.start, in.hasStart = headerTime(rest)
	}
	if rest, ok := strings.CutPrefix(text, "#[BaseTime: "); ok {
		in.base, in.hasBase = headerTime(rest)
	}
}

func headerTime(text string) (time.Duration, bool) {
	number, _, _ := strings.Cut(text, " ")
	t, err := parseSeconds(number)
	return t, err == nil
}

// offset turns a line's timestamp into an offset from the start. Without a base time
// a timestamp is absolute unless it is more than a year before the start: the rule of the
// Java reader.
func (in *logReader) offset(at time.Duration) time.Duration {
	const year = 365 * 24 * time.Hour
	if !in.hasStart {
		in.start, in.hasStart = at, true
	}
	if !in.hasBase {
		in.hasBase = true
		if at < in.start-year {
			in.base = in.start
		}
	}
	return at + in.base - in.start
}

// parseSeconds reads a decimal number of seconds, exactly.
func parseSeconds(text string) (time.Duration, error) {
	t, err := time.ParseDuration(text + "s")
	if err != nil || strings.Trim(text, "-.0123456789") != "" {
		return 0, fmt.Errorf("%q is not a number of seconds", text)
	}
	return t, nil
}

// decode reads a histogram; highest, in milliseconds, is its exact maximum if it agrees with
// the topmost bucket.
func decode(payload, highest string) (*Histogram, error) {
	hdr, err := hdrhistogram.Decode([]byte(payload))
	if err != nil {
		return nil, fmt.Errorf("decode histogram: %w", err)
	}
	if hdr.SignificantFigures() > digits {
		return nil, fmt.Errorf("decode histogram: it has %d significant digits, more than %d", hdr.SignificantFigures(), digits)
	}
	h, sum := &Histogram{}, uint64(0)
	for _, bar := range hdr.Distribution() {
		if bar.Count > 0 {
			h.RecordN(time.Duration(bar.To), uint64(bar.Count))
			h.low = min(h.low, bar.From)
			sum += uint64(bar.From+(bar.To-bar.From+1)/2) * uint64(bar.Count)
		}
	}
	h.sum = sum
	if h.count == 0 {
		return h, nil
	}
	if exact, err := time.ParseDuration(highest + "ms"); err == nil && exact >= 0 && bucketOf(int64(exact)) == bucketOf(h.high) {
		h.high = int64(exact)
	}
	return h, nil
}

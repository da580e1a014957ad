package latency

// AppendText appends the compressed V2 encoding of HdrHistogram in base64, as a log has it.
// It is the same for the same counts.
func (h *Histogram) AppendText(to []byte) ([]byte, error) {
	var e encoder
	return e.appendBase64(to, h)
}

// MarshalText returns the histogram as AppendText does.
func (h *Histogram) MarshalText() ([]byte, error) { return h.AppendText(nil) }

// UnmarshalText reads what AppendText wrote. Counts and quantiles are those of before; the
// minimum and the maximum are the ends of their buckets, and the mean is worked out from the
// middles of the buckets (at most 0.05 % off).
func (h *Histogram) UnmarshalText(text []byte) error {
	read, err := decode(string(text), "")
	if err != nil {
		return err
	}
	h.Reset()
	h.Merge(read)
	return nil
}

package resp

import (
	"cmp"
	"slices"
	"sort"

	"github.com/tidwall/redcon"
)

// member is one element of a ranking.
type member struct {
	score float64
	name  string
}

func byScore(a, b member) int {
	return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name))
}

// ranking is a set of members in order of their scores. At the ends, where a sliding log
// adds and removes, a change costs little; in the middle it moves what follows.
type ranking struct {
	scores map[string]float64
	order  []member
}

func (r *ranking) insert(name string, score float64) {
	m := member{score, name}
	i, _ := slices.BinarySearchFunc(r.order, m, byScore)
	r.order = slices.Insert(r.order, i, m)
	r.scores[name] = score
}

func (r *ranking) remove(name string) {
	i, _ := slices.BinarySearchFunc(r.order, member{r.scores[name], name}, byScore)
	r.cut(i, i+1)
}

// cut removes the members from one place up to another.
func (r *ranking) cut(from, to int) {
	for _, m := range r.order[from:to] {
		delete(r.scores, m.name)
	}
	if from == 0 {
		clear(r.order[:to])
		r.order = r.order[to:]
		return
	}
	r.order = slices.Delete(r.order, from, to)
}

// span returns the places of the members within the bounds.
func (r *ranking) span(low, high bound) (from, to int) {
	from = sort.Search(len(r.order), func(i int) bool { return low.below(r.order[i].score) })
	to = sort.Search(len(r.order), func(i int) bool { return !high.above(r.order[i].score) })
	return from, max(from, to)
}

// bound is one end of a range of scores.
type bound struct {
	score float64
	open  bool // without the score itself
}

func (b bound) below(score float64) bool { return b.score < score || !b.open && b.score == score }
func (b bound) above(score float64) bool { return b.score > score || !b.open && b.score == score }

// bounds reads the ends of a range of scores: "5", "(5", "-inf", "+inf".
func bounds(low, high []byte) (from, to bound, ok bool) {
	from, okFrom := readBound(low)
	to, okTo := readBound(high)
	return from, to, okFrom && okTo
}

func readBound(b []byte) (bound, bool) {
	open := len(b) > 0 && b[0] == '('
	if open {
		b = b[1:]
	}
	if len(b) == 0 {
		return bound{0, open}, true // as strtod has it
	}
	score, ok := float(b)
	return bound{score, open}, ok
}

// zaddCommand knows NX, XX, GT, LT and CH.
func zaddCommand(t *Tx, out []byte, args [][]byte) []byte {
	o, pairs := readAddOptions(args[2:])
	scores, problem := o.check(pairs)
	if problem != "" {
		return fail(out, problem)
	}
	e, wrong := t.write(args[1], aZset)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil && o.xx:
		return redcon.AppendInt(out, 0)
	case e == nil:
		e = t.data.add(args[1], aZset)
	}
	var added, changed int64
	for i, score := range scores {
		name := string(pairs[2*i+1])
		old, had := e.zset.scores[name]
		switch {
		case had && !o.replaces(old, score), !had && o.xx:
		case had:
			e.zset.remove(name)
			e.zset.insert(name, score)
			changed++
		default:
			e.zset.insert(name, score)
			t.data.grow(e, int64(len(name))+elementBytes+scoreBytes)
			added++
		}
	}
	if added+changed > 0 {
		t.data.changed(e.key)
	}
	if o.ch {
		added += changed
	}
	return redcon.AppendInt(out, added)
}

// addOptions are those of ZADD.
type addOptions struct{ nx, xx, gt, lt, ch bool }

func readAddOptions(args [][]byte) (o addOptions, rest [][]byte) {
	for i, a := range args {
		switch {
		case is(a, "NX"):
			o.nx = true
		case is(a, "XX"):
			o.xx = true
		case is(a, "GT"):
			o.gt = true
		case is(a, "LT"):
			o.lt = true
		case is(a, "CH"):
			o.ch = true
		default:
			return o, args[i:]
		}
	}
	return o, nil
}

// check reads the scores of the pairs; problem is the error to answer, if any.
func (o addOptions) check(pairs [][]byte) (scores []float64, problem string) {
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		return nil, errSyntax
	case o.nx && o.xx:
		return nil, "ERR XX and NX options at the same time are not compatible"
	case o.gt && o.nx || o.lt && o.nx || o.gt && o.lt:
		return nil, "ERR GT, LT, and/or NX options at the same time are not compatible"
	}
	for i := 0; i < len(pairs); i += 2 {
		score, ok := float(pairs[i])
		if !ok {
			return nil, errNotFloat
		}
		scores = append(scores, score)
	}
	return scores, ""
}

// replaces tells whether a member's score becomes the new one.
func (o addOptions) replaces(old, score float64) bool {
	return score != old && !o.nx && !(o.gt && score < old) && !(o.lt && score > old)
}

func zscoreCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aZset)
	if wrong {
		return fail(out, errWrongType)
	}
	if e != nil {
		if score, ok := e.zset.scores[string(args[2])]; ok {
			return appendScore(out, score)
		}
	}
	return redcon.AppendNull(out)
}

func zcountCommand(t *Tx, out []byte, args [][]byte) []byte {
	low, high, ok := bounds(args[2], args[3])
	if !ok {
		return fail(out, errMinMax)
	}
	e, wrong := t.read(args[1], aZset)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendInt(out, 0)
	}
	from, to := e.zset.span(low, high)
	return redcon.AppendInt(out, int64(to-from))
}

// zrangeCommand is ZRANGE by place, without options.
func zrangeCommand(t *Tx, out []byte, args [][]byte) []byte {
	start, okStart := integer(args[2])
	stop, okStop := integer(args[3])
	if !okStart || !okStop {
		return fail(out, errNotInteger)
	}
	e, wrong := t.read(args[1], aZset)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendArray(out, 0)
	}
	from, to := window(start, stop, len(e.zset.order))
	return appendMembers(out, e.zset.order[from:to], false)
}

func appendMembers(out []byte, members []member, scores bool) []byte {
	n := len(members)
	if scores {
		n *= 2
	}
	out = redcon.AppendArray(out, n)
	for _, m := range members {
		out = redcon.AppendBulkString(out, m.name)
		if scores {
			out = appendScore(out, m.score)
		}
	}
	return out
}

// page is which of the members in a range are asked for, and whether with their scores.
type page struct {
	scores        bool
	offset, count int64
}

// readPage reads the options of ZRANGEBYSCORE; problem is the error to answer, if any.
func readPage(args [][]byte) (p page, problem string) {
	p.count = -1
	for len(args) > 0 {
		switch {
		case is(args[0], "WITHSCORES"):
			p.scores, args = true, args[1:]
		case is(args[0], "LIMIT") && len(args) >= 3:
			var okOffset, okCount bool
			p.offset, okOffset = integer(args[1])
			p.count, okCount = integer(args[2])
			if !okOffset || !okCount {
				return p, errNotInteger
			}
			args = args[3:]
		default:
			return p, errSyntax
		}
	}
	return p, ""
}

// of returns the members of the page; a negative count is all that follow.
func (p page) of(members []member) []member {
	if p.offset < 0 || p.offset > int64(len(members)) {
		return nil
	}
	members = members[p.offset:]
	if p.count >= 0 && p.count < int64(len(members)) {
		members = members[:p.count]
	}
	return members
}

func zrangebyscoreCommand(t *Tx, out []byte, args [][]byte) []byte {
	p, problem := readPage(args[4:])
	if problem != "" {
		return fail(out, problem)
	}
	low, high, ok := bounds(args[2], args[3])
	if !ok {
		return fail(out, errMinMax)
	}
	e, wrong := t.read(args[1], aZset)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendArray(out, 0)
	}
	from, to := e.zset.span(low, high)
	return appendMembers(out, p.of(e.zset.order[from:to]), p.scores)
}

func zremrangebyscoreCommand(t *Tx, out []byte, args [][]byte) []byte {
	low, high, ok := bounds(args[2], args[3])
	if !ok {
		return fail(out, errMinMax)
	}
	e, wrong := t.write(args[1], aZset)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendInt(out, 0)
	}
	from, to := e.zset.span(low, high)
	if from < to {
		t.shrink(e, from, to)
	}
	return redcon.AppendInt(out, int64(to-from))
}

// shrink removes the members from one place up to another.
func (t *Tx) shrink(e *entry, from, to int) {
	for _, m := range e.zset.order[from:to] {
		t.data.grow(e, -int64(len(m.name))-elementBytes-scoreBytes)
	}
	e.zset.cut(from, to)
	t.settle(e)
}

func zremCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.write(args[1], aZset)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendInt(out, 0)
	}
	gone := 0
	for _, name := range args[2:] {
		_, had := e.zset.scores[string(name)]
		if !had {
			continue
		}
		e.zset.remove(string(name))
		t.data.grow(e, -int64(len(name))-elementBytes-scoreBytes)
		gone++
	}
	if gone > 0 {
		t.settle(e)
	}
	return redcon.AppendInt(out, int64(gone))
}

package station

// queue holds the jobs that wait, in the order of the discipline: a binary heap, so that
// one structure serves all disciplines and a job may leave from anywhere.
type queue struct {
	discipline string
	jobs       []*job
	arrivals   uint64
	probes     int // how many of the jobs only look
}

// waiting returns how many jobs wait.
func (q *queue) waiting() int { return len(q.jobs) - q.probes }

// before tells whether a is served before b.
func (q *queue) before(a, b *job) bool {
	switch q.discipline {
	case "lifo":
		return a.seq > b.seq
	case "priority":
		if a.priority != b.priority {
			return a.priority < b.priority
		}
	}
	return a.seq < b.seq
}

// push adds a job as the youngest.
func (q *queue) push(j *job) {
	q.arrivals++
	j.seq, j.place = q.arrivals, len(q.jobs)
	q.jobs = append(q.jobs, j)
	if j.demand == probe {
		q.probes++
	}
	q.up(j.place)
}

// pop takes the next job, nil if nobody waits.
func (q *queue) pop() *job {
	if len(q.jobs) == 0 {
		return nil
	}
	j := q.jobs[0]
	q.remove(j)
	return j
}

// remove takes a job out, wherever it is.
func (q *queue) remove(j *job) {
	at, last := j.place, len(q.jobs)-1
	q.swap(at, last)
	q.jobs[last] = nil
	q.jobs = q.jobs[:last]
	if at < last {
		q.down(at)
		q.up(at)
	}
	j.place = -1
	if j.demand == probe {
		q.probes--
	}
}

// reorder brings the jobs into the order of another discipline.
func (q *queue) reorder(discipline string) {
	if discipline == q.discipline {
		return
	}
	q.discipline = discipline
	for i := len(q.jobs)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
}

func (q *queue) up(i int) {
	for i > 0 {
		above := (i - 1) / 2
		if !q.before(q.jobs[i], q.jobs[above]) {
			return
		}
		q.swap(i, above)
		i = above
	}
}

func (q *queue) down(i int) {
	for {
		first := i
		for below := 2*i + 1; below <= 2*i+2 && below < len(q.jobs); below++ {
			if q.before(q.jobs[below], q.jobs[first]) {
				first = below
			}
		}
		if first == i {
			return
		}
		q.swap(i, first)
		i = first
	}
}

func (q *queue) swap(i, j int) {
	q.jobs[i], q.jobs[j] = q.jobs[j], q.jobs[i]
	q.jobs[i].place, q.jobs[j].place = i, j
}

package shedder

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

func TestLanes(t *testing.T) {
	const crit, norm, batch = middleware.Critical, middleware.Normal, middleware.Batch
	type come struct {
		name string
		p    middleware.Priority
	}
	many := func(name string, p middleware.Priority, n int) (all []come) {
		for i := range n {
			all = append(all, come{fmt.Sprint(name, i), p})
		}
		return all
	}
	for _, test := range []struct {
		name    string
		changes []func(*Config)
		come    []come
		want    string
	}{
		{
			"strict lanes go one after the other",
			[]func(*Config){one, lanes(Strict)},
			[]come{{"a", norm}, {"b1", batch}, {"n1", norm}, {"c1", crit}, {"n2", norm}, {"c2", crit}},
			"a, c1, c2, n1, n2, b1",
		},
		{
			"weighted lanes share 4 to 2 to 1",
			[]func(*Config){one, lanes("weighted")},
			slices.Concat([]come{{"a", norm}}, many("b", batch, 2), many("n", norm, 4), many("c", crit, 8)),
			"a, c0, n0, c1, b0, c2, n1, c3, c4, n2, c5, b1, c6, n3, c7",
		},
		{
			"an empty lane saves nothing up",
			[]func(*Config){one, lanes("weighted")},
			slices.Concat([]come{{"a", norm}}, many("n", norm, 2), many("b", batch, 2)),
			"a, n0, b0, n1, b1",
		},
		{
			"a better lane pushes out the newest of the worst",
			[]func(*Config){one, room(2), lanes(Strict)},
			[]come{{"a", norm}, {"b1", batch}, {"b2", batch}, {"n1", norm}, {"c1", crit}, {"c2", crit}, {"n2", norm}},
			"a, b2 lane, b1 lane, n1 lane, n2 full, c1, c2",
		},
		{
			"of strict lanes the lowest gives way, however short",
			[]func(*Config){one, room(4), lanes(Strict)},
			[]come{{"a", norm}, {"b1", batch}, {"n1", norm}, {"n2", norm}, {"n3", norm}, {"c1", crit}},
			"a, b1 lane, c1, n1, n2, n3",
		},
		{
			"of weighted lanes the longest for its weight does",
			[]func(*Config){one, room(4), lanes("weighted")},
			[]come{{"a", norm}, {"b1", batch}, {"n1", norm}, {"n2", norm}, {"n3", norm}, {"c1", crit}},
			"a, n3 lane, c1, n1, n2, b1",
		},
		{
			"a worse lane pushes nobody out",
			[]func(*Config){one, room(2), lanes(Strict)},
			[]come{{"a", norm}, {"n1", norm}, {"c1", crit}, {"b1", batch}, {"n2", norm}},
			"a, b1 full, n2 full, c1, n1",
		},
		{
			"with weights the longest for its weight gives way",
			[]func(*Config){one, room(3), lanes("weighted")},
			[]come{{"a", norm}, {"c1", crit}, {"c2", crit}, {"c3", crit}, {"b1", batch}, {"c4", crit}, {"b2", batch}},
			"a, b1 full, c4 full, b2 full, c1, c2, c3",
		},
		{
			"with weights a crowd of batch makes room",
			[]func(*Config){one, room(3), lanes("weighted")},
			[]come{{"a", norm}, {"b1", batch}, {"b2", batch}, {"b3", batch}, {"n1", norm}, {"c1", crit}, {"c2", crit}},
			"a, b3 lane, b2 lane, b1 lane, c1, n1, c2",
		},
		{
			"without lanes priorities mean nothing",
			[]func(*Config){one, room(2)},
			[]come{{"a", norm}, {"b1", batch}, {"n1", norm}, {"c1", crit}},
			"a, c1 full, b1, n1",
		},
		{
			"a priority that does not exist goes to the nearest lane",
			[]func(*Config){one, lanes(Strict)},
			[]come{{"a", norm}, {"x", 99}, {"b", batch}, {"n", norm}, {"y", -1}},
			"a, y, n, x, b",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(New(settings(t, test.changes...)))
				for _, r := range test.come {
					c.come(t.Context(), r.name, r.p, time.Time{})
				}
				c.drain(t)
				c.saw(t, test.want)
			})
		})
	}
}

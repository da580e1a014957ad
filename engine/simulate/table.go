package simulate

import "errors"

// guideLen is how many equal shares the guide of a table knows the place of.
const guideLen = 1024

// table is a distribution as points of its inverse: at the share of the values, the value.
// Between points it is a straight line; between points at the same share it jumps.
type table struct {
	shares, values []float64
	guide          [guideLen + 1]int32 // the first point whose share is above i/guideLen
}

func (t *table) add(share, value float64) {
	t.shares = append(t.shares, share)
	t.values = append(t.values, value)
}

// law completes a table and returns it as a law with the mean and the variation of its
// straight lines.
func (t *table) law(about string) (Law, error) {
	last := len(t.shares) - 1
	if t.shares[0] > 0 {
		t.shares = append([]float64{0}, t.shares...)
		t.values = append([]float64{t.values[0]}, t.values...)
		last++
	}
	if t.shares[last] < 1 {
		t.add(1, t.values[last])
	}
	next := int32(0)
	for i := range t.guide {
		for int(next) < len(t.shares)-1 && t.shares[next] <= float64(i)/guideLen {
			next++
		}
		t.guide[i] = next
	}
	var mean, square float64
	for i := 1; i < len(t.shares); i++ {
		w, a, b := t.shares[i]-t.shares[i-1], t.values[i-1], t.values[i]
		mean += w * (a + b) / 2
		square += w * (a*a + a*b + b*b) / 3
	}
	if !(mean > 0) {
		return Law{}, errors.New("all service times are 0")
	}
	return Law{kind: empirical, mean: mean, scv: max(square/(mean*mean)-1, 0), quantiles: t, conditions: about}, nil
}

// at returns the value at a share of [0, 1).
func (t *table) at(u float64) float64 {
	i := int(t.guide[int(u*guideLen)])
	for t.shares[i] <= u && i < len(t.shares)-1 {
		i++
	}
	if i == 0 {
		return t.values[0]
	}
	w := t.shares[i] - t.shares[i-1]
	if w <= 0 {
		return t.values[i]
	}
	return t.values[i-1] + (t.values[i]-t.values[i-1])*(u-t.shares[i-1])/w
}

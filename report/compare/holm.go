package compare

import (
	"cmp"
	"slices"
)

// Holm adjusts the p-values of a family so that the chance of any false alarm in it stays
// what it is for one (Holm 1979): the smallest is multiplied by their number, the next by
// one less, and so on, and none is less than those before it.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted := make([]float64, len(p))
	least := 0.0
	for rank, i := range order {
		least = max(least, min(float64(len(p)-rank)*p[i], 1))
		adjusted[i] = least
	}
	return adjusted
}

package capacity

import "testing"

func TestGrows(t *testing.T) {
	rates := []float64{10, 20, 40, 80, 160}
	for name, test := range map[string]struct {
		rates, busy []float64
		want        bool
	}{
		"in proportion to load":               {rates, []float64{.05, .1, .2, .4, .8}, true},
		"with some use at rest":               {rates, []float64{.15, .2, .3, .5, .9}, true},
		"with noise":                          {rates, []float64{.07, .08, .24, .36, .85}, true},
		"the same at any load":                {rates, []float64{.4, .4, .4, .4, .4}, false},
		"most of it at rest":                  {rates, []float64{.41, .42, .44, .48, .56}, false},
		"less with load":                      {rates, []float64{.8, .7, .6, .5, .4}, false},
		"never used":                          {rates, []float64{0, 0, 0, 0, 0}, false},
		"once, by chance":                     {rates, []float64{0, .3, 0, 0, .1}, false},
		"at rates that are too much the same": {[]float64{100, 101, 102}, []float64{.1, .2, .3}, false},
		"in two trials":                       {rates[:2], []float64{.1, .2}, false},
		"in none":                             {nil, nil, false},
	} {
		if got := Grows(test.rates, test.busy); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

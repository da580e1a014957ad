package store

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
)

// MaxProducts is how many products a database is made with at most.
const MaxProducts = 1_000_000

// Words that products are made of, things with their categories.
const (
	colours   = "amber azure beige black bronze brown copper coral cream crimson cyan gold green grey indigo ivory"
	materials = "ash bamboo birch canvas ceramic cotton felt glass iron leather linen marble oak steel walnut wool"
	things    = "armchair:seating bench:seating bookcase:storage bowl:kitchen candle:lighting carpet:textiles clock:decor cup:kitchen curtain:textiles desk:tables jug:kitchen kettle:kitchen lamp:lighting mirror:decor mug:kitchen pan:kitchen pillow:textiles plate:kitchen pot:kitchen quilt:textiles rug:textiles shelf:storage sofa:seating stool:seating table:tables teapot:kitchen tray:kitchen vase:decor"
	filler    = "and balanced calm clean comfortable durable easy everyday fine for from gentle hand home in kept light made of plain quiet room simple small soft solid sturdy the time to warm well with"
)

// products yields the products 1 … n of a seed.
func products(n int, seed uint64, stock int64) iter.Seq[Product] {
	return func(yield func(Product) bool) {
		random := rand.New(rand.NewPCG(seed, 0))
		colour, material, thing := strings.Fields(colours), strings.Fields(materials), strings.Fields(things)
		fill := strings.Fields(filler)
		for id := int64(1); id <= int64(n); id++ {
			name, category, _ := strings.Cut(thing[random.IntN(len(thing))], ":")
			p := Product{
				ID:         id,
				SKU:        fmt.Sprintf("SKU-%07d", id),
				Name:       fmt.Sprintf("%s %s %s %d", colour[random.IntN(len(colour))], material[random.IntN(len(material))], name, id),
				Category:   category,
				PriceCents: 100 + random.Int64N(50_000),
				Stock:      stock,
				Version:    1,
			}
			var d strings.Builder
			for range 20 + random.IntN(20) {
				d.WriteString(fill[random.IntN(len(fill))])
				d.WriteByte(' ')
			}
			p.Description = strings.TrimSuffix(d.String(), " ")
			if !yield(p) {
				return
			}
		}
	}
}

package work

import (
	"image"
	"image/color"
)

// Picture returns a picture of the size, up to MostPictureRim a side: a gradient with
// stripes, the same every time.
func Picture(width, height int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, clamp(width, MostPictureRim), clamp(height, MostPictureRim)))
	for y := range p.Rect.Dy() {
		for x := range p.Rect.Dx() {
			p.SetRGBA(x, y, color.RGBA{R: uint8(x), G: uint8(y), B: uint8(x ^ y), A: 255})
		}
	}
	return p
}

// Resize returns the picture in another size, at least a pixel and up to MostPictureRim a
// side. Each pixel is the average of those that it covers, or the one that it is part of.
func Resize(p *image.RGBA, width, height int) *image.RGBA {
	width, height = max(1, clamp(width, MostPictureRim)), max(1, clamp(height, MostPictureRim))
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	w, h := p.Rect.Dx(), p.Rect.Dy()
	if w == 0 || h == 0 {
		return out
	}
	for y := range height {
		top := y * h / height
		bottom := max(top+1, (y+1)*h/height)
		for x := range width {
			left := x * w / width
			right := max(left+1, (x+1)*w/width)
			average(out.Pix[out.PixOffset(x, y):], p, image.Rect(left, top, right, bottom))
		}
	}
	return out
}

// average writes the average of an area, counted from the picture's corner, as one pixel.
func average(pixel []uint8, p *image.RGBA, area image.Rectangle) {
	var sums [4]uint
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := p.Pix[y*p.Stride+4*area.Min.X : y*p.Stride+4*area.Max.X]
		for i := 0; i < len(row); i += 4 {
			for c := range sums {
				sums[c] += uint(row[i+c])
			}
		}
	}
	count := uint(area.Dx() * area.Dy())
	for c, sum := range sums {
		pixel[c] = uint8((sum + count/2) / count)
	}
}

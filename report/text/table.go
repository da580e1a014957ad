package text

import (
	"slices"
	"strings"
)

// column is a column of a table. When the table is too wide, flexible columns give up
// width down to what can still be read, then the columns with the highest drop go (one
// with drop 0 always stays), and then flexible columns give up more.
type column struct {
	title string
	left  bool
	flex  bool
	drop  int
}

// cell is the text of a table's cell and how it is painted.
type cell struct {
	text  string
	style style
}

// table is rows of cells under columns. A row of one cell goes across all of them.
type table struct {
	columns []column
	rows    [][]cell
}

const (
	gap      = 2  // spaces between columns
	readable = 24 // what a flexible column keeps as long as other columns can go
	minFlex  = 10 // what it keeps in any case
)

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// hide removes the column with the title, for which there is nothing to say.
func (t *table) hide(title string) {
	if i := slices.IndexFunc(t.columns, func(c column) bool { return c.title == title }); i >= 0 {
		t.remove(i)
	}
}

func (t *table) remove(i int) {
	t.columns = slices.Delete(t.columns, i, i+1)
	for r, row := range t.rows {
		if len(row) > 1 {
			t.rows[r] = slices.Delete(row, i, i+1)
		}
	}
}

// write lays the table out and writes it.
func (t *table) write(p *printer) {
	widths := t.fit(p.width)
	p.line(t.layout(p, widths, func(i int) cell { return cell{t.columns[i].title, titleStyle(i)} }))
	for _, row := range t.rows {
		if len(row) == 1 {
			p.line(p.paint(row[0].style, shorten(row[0].text, p.width)))
			continue
		}
		p.line(t.layout(p, widths, func(i int) cell { return row[i] }))
	}
}

func titleStyle(column int) style {
	if column == 0 {
		return bold
	}
	return dim
}

// fit drops columns and narrows flexible ones until the table is no wider than width, or
// nothing more can be done.
func (t *table) fit(width int) []int {
	for {
		widths := t.natural()
		over := t.narrow(widths, total(widths)-width, readable)
		if over <= 0 {
			return widths
		}
		least := t.leastNeeded()
		if least < 0 {
			t.narrow(widths, over, minFlex)
			return widths
		}
		t.remove(least)
	}
}

// narrow takes what is over from flexible columns, as long as they keep least, and
// returns what is still over.
func (t *table) narrow(widths []int, over, least int) int {
	for i, c := range t.columns {
		if c.flex && over > 0 {
			give := max(min(over, widths[i]-least), 0)
			widths[i] -= give
			over -= give
		}
	}
	return over
}

func (t *table) leastNeeded() int {
	least := -1
	for i, c := range t.columns {
		if c.drop > 0 && (least < 0 || c.drop > t.columns[least].drop) {
			least = i
		}
	}
	return least
}

func (t *table) natural() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = columnsOf(c.title)
		for _, row := range t.rows {
			if len(row) > 1 {
				widths[i] = max(widths[i], columnsOf(row[i].text))
			}
		}
	}
	return widths
}

func total(widths []int) int {
	sum := gap * max(len(widths)-1, 0)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func (t *table) layout(p *printer, widths []int, at func(int) cell) string {
	var b strings.Builder
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		content := at(i)
		text := shorten(content.text, widths[i])
		space := strings.Repeat(" ", max(widths[i]-columnsOf(text), 0))
		if c.left {
			b.WriteString(p.paint(content.style, text) + space)
		} else {
			b.WriteString(space + p.paint(content.style, text))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

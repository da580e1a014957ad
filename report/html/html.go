// Package html shows a run as one page in a file: it needs no network, prints, and holds
// its figures in tables for readers without JavaScript; charts are drawn over them.
// Another page is made of the same parts: fill in a Page, whose Sections hold Blocks (text,
// facts, lists, tables, charts, preformatted text), and call Write. A Chart is plain data
// that assets/page.js turns into a uPlot chart; it sets out what Series, Band, Zone, Mark
// and Heat can be. Every text in these types is hostile until Write has cleaned and escaped
// it, so pages hand over what they were given. The package judges nothing: it shows what
// package report made of a run.
package html

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
)

// assets are the template, style and scripts of a page, and uPlot with its licence.
//
//go:embed assets
var assets embed.FS

// Page is a document: a banner with what matters most, and sections.
type Page struct {
	Title    string // of the document, and its heading
	Kind     string // such as "Load test" above the heading
	Banner   Banner
	Sections []Section
	Footer   string
}

// Tone is the colour of something, always beside a word that says the same.
type Tone string

// The tones.
const (
	Plain Tone = ""
	Good  Tone = "good"
	Warn  Tone = "warn"
	Bad   Tone = "bad"
	Dim   Tone = "dim"
)

// Banner says what came out.
type Banner struct {
	Tone    Tone
	Word    string // the verdict, such as PASS
	Text    string // one sentence
	Facts   []Fact
	Reasons []string // why the measurement cannot be trusted, or what is missing
}

// Fact is a figure with its name.
type Fact struct {
	Name, Value string
	Note        string // small, below the value
	Tone        Tone
}

// Section is a part of the page with an entry in its contents. A section without blocks is
// left out.
type Section struct {
	ID     string // of letters, digits and hyphens; the target of a link
	Title  string
	Short  string // in the contents; Title if empty
	Blocks []Block
}

// Block is a piece of a section; one of its fields besides Group is set.
type Block struct {
	Group   string // such as the name of a load: a page with several lets the reader choose one
	Heading string // of the third level
	Text    string
	Note    *Note
	List    []string
	Facts   []Fact
	Table   *Table
	Chart   *Chart
	Pre     string
}

// Note is a sentence that stands out.
type Note struct {
	Tone Tone
	Text string
}

// Table is a table with a caption; the first cell of each row is the row's heading.
type Table struct {
	Caption  string
	Folded   bool // closed until the reader opens it by its caption
	Sortable bool // by a click on a column's heading
	Columns  []Column
	Rows     []Row
}

// Column is the heading of a column.
type Column struct {
	Name    string
	Numeric bool // aligned right
}

// Row is a row of cells, as many as there are columns.
type Row []Cell

// Cell is a cell of a table.
type Cell struct {
	Text  string
	Sort  *float64 // by which a numeric column is sorted; nil: by Text
	Tone  Tone
	Code  bool   // set in the type of code
	Tight bool   // never broken into lines
	Link  string // relative address of what the cell names; empty: none
}

// Write writes the page as one file that needs nothing else. The error is that of the
// writer, or says which chart cannot be written down.
func Write(w io.Writer, p *Page) error {
	view, err := newView(p)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	page, err := template.New("page.html").ParseFS(assets, "assets/page.html")
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, view); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// view is a page with its texts cleaned and what the template puts around it.
type view struct {
	*Page
	Style, Script, Library template.HTML
	Data                   template.HTML
	Groups                 []string
	HasCharts              bool
}

func newView(p *Page) (*view, error) {
	v := &view{Page: cleaned(p)}
	var charts []*Chart
	for _, s := range v.Sections {
		for _, b := range s.Blocks {
			if b.Chart != nil {
				charts = append(charts, b.Chart)
			}
			if b.Group != "" && !slices.Contains(v.Groups, b.Group) {
				v.Groups = append(v.Groups, b.Group)
			}
		}
	}
	v.HasCharts = len(charts) > 0
	data, err := json.Marshal(charts) // escapes <, >, &, U+2028 and U+2029
	if err != nil {
		return nil, err
	}
	v.Data = template.HTML(`<script type="application/json" id="charts">` + string(data) + "</script>") //nolint:gosec // JSON without < and >
	return v, v.dress()
}

// dress reads style and scripts. They are part of the program, so they are trusted.
func (v *view) dress() error {
	var text [5]string
	for i, name := range []string{"uplot/LICENSE", "uplot/uPlot.min.css", "page.css", "uplot/uPlot.iife.min.js", "page.js"} {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return err
		}
		text[i] = string(bytes.TrimSpace(b))
	}
	licence := "/*! uPlot 1.6.32, https://github.com/leeoniya/uPlot\n\n" + text[0] + "\n*/\n"
	v.Style = template.HTML("<style>\n" + text[2] + "\n</style>")    //nolint:gosec // ours
	v.Script = template.HTML("<script>\n" + text[4] + "\n</script>") //nolint:gosec // ours
	if v.HasCharts {
		v.Style = template.HTML("<style>\n" + licence + text[1] + "\n" + text[2] + "\n</style>") //nolint:gosec // ours
		v.Library = template.HTML("<script>\n" + licence + text[3] + "\n</script>")              //nolint:gosec // ours
	}
	return nil
}

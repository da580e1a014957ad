package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// MostFields is how many fields a document has at the most.
const MostFields = 10_000

// mostDocuments is how many sizes of documents are kept ready.
const mostDocuments = 32

// Documents writes and validates flat JSON documents of so many fields. Text, whole
// numbers, fractions and truth values take turns. All codecs write the same bytes, and all
// ways to validate find the same. The zero value is ready for use.
type Documents struct {
	mu    sync.RWMutex
	ready map[int]*document
}

// document is what the codecs write, in the form that each takes.
type document struct {
	fields  []field
	generic map[string]any
	text    []byte
	schema  schema // what others have to be like
	checks  *checks
}

// field is one field of a document. Its kind is that of its value.
type field struct {
	name  string
	value any
}

// Encode writes the document of so many fields with a codec: std is encoding/json on a
// map, append writes field by field, cached has the bytes ready. Callers do not change
// the bytes. The error names a codec that there is none of.
func (d *Documents) Encode(codec string, fields int) ([]byte, error) {
	doc, err := d.of(clamp(fields, MostFields))
	if err != nil {
		return nil, err
	}
	switch codec {
	case "std":
		return json.Marshal(doc.generic)
	case "append":
		return doc.append(make([]byte, 0, len(doc.text))), nil
	case "cached":
		return doc.text, nil
	}
	return nil, fmt.Errorf("codec %q is none of std, append, cached", codec)
}

// Validate tells whether the text is a document of so many fields, each of its type and
// within its bounds: off does not look, interp decodes the text and goes through a schema,
// compiled reads the text once with the checks that the schema was made into before. The
// two come to the same verdict, in words of their own: ErrInvalid. Another error names a way
// that there is none of.
func (d *Documents) Validate(how string, fields int, text []byte) error {
	if how == "off" {
		return nil
	}
	doc, err := d.of(clamp(fields, MostFields))
	if err != nil {
		return err
	}
	switch how {
	case "interp":
		err = interpret(doc.schema, text)
	case "compiled":
		err = doc.checks.run(text)
	default:
		return fmt.Errorf("validation %q is none of off, interp, compiled", how)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// ErrInvalid says that a text is not the document that it should be.
var ErrInvalid = errors.New("not a valid document")

// of returns the document of so many fields, and keeps it for the next call.
func (d *Documents) of(fields int) (*document, error) {
	d.mu.RLock()
	doc := d.ready[fields]
	d.mu.RUnlock()
	if doc != nil {
		return doc, nil
	}
	doc, err := newDocument(fields)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready == nil || len(d.ready) >= mostDocuments {
		d.ready = map[int]*document{}
	}
	d.ready[fields] = doc
	return doc, nil
}

func newDocument(fields int) (*document, error) {
	doc := &document{generic: make(map[string]any, fields)}
	for i := range fields {
		f := field{name: fmt.Sprintf("field_%05d", i)}
		switch i % 4 {
		case 0:
			f.value = fmt.Sprintf("the text of field %d", i)
		case 1:
			f.value = 1000 + i
		case 2:
			f.value = float64(i) + 0.25
		case 3:
			f.value = i%8 == 3
		}
		doc.fields = append(doc.fields, f)
		doc.generic[f.name] = f.value
	}
	var err error
	if doc.text, err = json.Marshal(doc.generic); err != nil {
		return nil, fmt.Errorf("encode a document: %w", err)
	}
	doc.schema = schemaOf(doc.fields)
	if doc.checks, err = compile(doc.schema); err != nil {
		return nil, err
	}
	return doc, nil
}

// append appends the document. Its texts need no escapes.
func (d *document) append(b []byte) []byte {
	b = append(b, '{')
	for i, f := range d.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), f.name...), '"', ':')
		switch v := f.value.(type) {
		case string:
			b = append(append(append(b, '"'), v...), '"')
		case int:
			b = strconv.AppendInt(b, int64(v), 10)
		case float64:
			b = strconv.AppendFloat(b, v, 'f', -1, 64)
		case bool:
			b = strconv.AppendBool(b, v)
		}
	}
	return append(b, '}')
}

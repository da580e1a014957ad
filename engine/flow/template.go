package flow

// Template is text with variables in it, compiled. It is immutable and safe for
// concurrent use.
type Template struct{}

// ParseTemplate compiles text in which {{ name }} stands for a variable. An error is a
// *SyntaxError.
func ParseTemplate(src string) (*Template, error) { panic("unwritten") }

// ParseURLTemplate compiles a URL, or its path and query: values that stand behind the
// start of the path are percent-encoded unless they say {{ name | raw }}. An error is a
// *SyntaxError.
func ParseURLTemplate(src string) (*Template, error) { panic("unwritten") }

// Literal returns the template that always renders as s.
func Literal(s string) *Template { panic("unwritten") }

// Concat returns a template that renders its parts one after the other.
func Concat(parts ...*Template) *Template { panic("unwritten") }

// Fixed reports whether the template renders the same for every user and pass.
func (t *Template) Fixed() bool { panic("unwritten") }

// Variables returns the names the template needs, as written ("price", "products.id"),
// each once, without the built-ins.
func (t *Template) Variables() []string { panic("unwritten") }

// Append appends the rendered text to dst. It fails when a variable has no value.
func (t *Template) Append(dst []byte, u *User) ([]byte, error) { panic("unwritten") }

// String returns the template as it could have been written.
func (t *Template) String() string { panic("unwritten") }

// CheckName reports, as a *SyntaxError, what keeps name from naming a variable or a data
// source.
func CheckName(name string) error { panic("unwritten") }

package flow

// JSONBody builds a JSON document from null, bool, string, number, []any and
// map[string]any values. Strings and keys are templates.
func JSONBody(v any) (body *Template, contentType string, err error) { panic("unwritten") }

// FormField is a field of a form; its value is a template parsed by ParseTemplate.
type FormField struct {
	Name  string
	Value *Template
}

// FormBody builds an application/x-www-form-urlencoded body.
func FormBody(fields []FormField) (body *Template, contentType string) { panic("unwritten") }

// Part is a part of a multipart/form-data body: a field, or with a FileName a file.
type Part struct {
	Name        string
	Value       *Template // a file's content as Literal(string(bytes)), or a template
	FileName    string    // empty: a field
	ContentType string    // empty: none for a field, application/octet-stream for a file
}

// MultipartBody builds a multipart/form-data body. The boundary follows from the parts.
func MultipartBody(parts []Part) (body *Template, contentType string) { panic("unwritten") }

// TextBody is a body of plain text.
func TextBody(t *Template) (body *Template, contentType string) { panic("unwritten") }

// FileBody is a body that is sent as it is, whatever looks like a variable in it.
func FileBody(content []byte) (body *Template, contentType string) { panic("unwritten") }

// BasicAuth returns the value of an Authorization header for a user and a password.
func BasicAuth(user, password *Template) *Template { panic("unwritten") }

// BearerAuth returns the value of an Authorization header for a token.
func BearerAuth(token *Template) *Template { panic("unwritten") }

package flow

// Extractor finds a value in an answer.
type Extractor struct{}

// ParseExtractor compiles an extractor such as "json $.price" or "header Location". An
// error is a *SyntaxError.
func ParseExtractor(src string) (Extractor, error) { panic("unwritten") }

// String returns the extractor as it could have been written.
func (e Extractor) String() string { panic("unwritten") }

// Variables returns the names that the default value needs.
func (e Extractor) Variables() []string { panic("unwritten") }

package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed library/*.yaml
var library embed.FS

// bundledFiles returns the files of the bundled scenarios.
func bundledFiles() fs.FS {
	sub, err := fs.Sub(library, "library")
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}

// List returns the names of the bundled scenarios, sorted.
func List() (names []string) {
	files, _ := fs.Glob(library, "library/*.yaml") // the pattern is a constant
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	return names
}

// Bundled returns the text of a bundled scenario.
func Bundled(name string) ([]byte, error) {
	text, err := library.ReadFile("library/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no bundled scenario is named %s", quote(name))
	}
	return text, nil
}

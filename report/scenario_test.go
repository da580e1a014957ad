package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScenariosAreKeptWithoutSecrets(t *testing.T) {
	for name, c := range map[string][2]string{
		"a header in flow style":               {"headers: {Authorization: Bearer abc, Accept: json}", `headers: {Authorization: "***", Accept: json}`},
		"a header in block style":              {"  X-Api-Key: abc # mine", `  X-Api-Key: "***" # mine`},
		"a quoted value":                       {`token: "a, b } c"`, `token: "***"`},
		"a comma and a hash in a value":        {"password: a,b#c}d", `password: "***"`},
		"a reference within a value":           {"h: {Authorization: Bearer ${TOKEN}, Accept: json}", `h: {Authorization: "***", Accept: json}`},
		"a mapping under a secret name":        {"auth: {user: x, pass: y}", `auth: "***"`},
		"a quoted key":                         {`"password": 'x y'`, `"password": "***"`},
		"an item of a list":                    {"- session-cookie: abc", `- session-cookie: "***"`},
		"a list of values":                     {"tokens: [a, b]", `tokens: "***"`},
		"a reference stays":                    {"token: ${TOKEN}\nAuthorization: \"{{ .token }}\"", "token: ${TOKEN}\nAuthorization: \"{{ .token }}\""},
		"a literal block":                      {"secret: |\n  one\n  two\nname: x", "secret: |\n  ***\n  ***\nname: x"},
		"a list below":                         {"passwords:\n  - one\n  - two\nname: x", "passwords:\n  ***\n  ***\nname: x"},
		"the password of a URL":                {"get: http://u:pw@host/x?token=abc&a=b", "get: http://u:***@host/x?token=***&a=b"},
		"what is no secret stays, to the byte": {"name: shop   # a shop\n\nload:\n  - {rate: 20/s}\n", "name: shop   # a shop\n\nload:\n  - {rate: 20/s}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(RedactScenario([]byte(c[0]))); got != c[1] {
				t.Errorf("%q became\n%q, not\n%q", c[0], got, c[1])
			}
		})
	}
}

func TestASavedScenarioIsRedacted(t *testing.T) {
	dir := t.TempDir()
	if err := SaveScenario(dir, []byte("token: abc\n")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, ScenarioFile))
	if err != nil || strings.Contains(string(text), "abc") {
		t.Errorf("%q %v", text, err)
	}
	if SaveScenario(filepath.Join(dir, "none"), nil) == nil {
		t.Error("a directory that is not there is no error")
	}
}

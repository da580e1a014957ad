package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedact(t *testing.T) {
	for name, c := range map[string]struct{ args, want string }{
		"an ordinary command line stays as it is":        {"run quickstart --set load[0].rate=5/s -e REGION=eu", "run quickstart --set load[0].rate=5/s -e REGION=eu"},
		"an authorization header loses its value":        {"hit http://h -H Authorization:Bearer-abc -H Accept:text/html", "hit http://h -H Authorization: *** -H Accept:text/html"},
		"a header joined to its flag loses its value":    {"hit -HCookie:a=b --header=X-Api-Key:abc", "hit -HCookie: *** --header=X-Api-Key: ***"},
		"a variable that sounds secret loses its value":  {"run s -e DB_PASSWORD=x --set vars.token=y", "run s -e DB_PASSWORD=*** --set vars.token=***"},
		"data is replaced and the name of its file kept": {"hit --data a=b --data @body.json", "hit --data *** --data @body.json"},
		"a password in a URL is replaced":                {"hit https://joe:pa@ss@host/x?y=1", "hit https://joe:***@host/x?y=1"},
		"a secret in a query is replaced":                {"hit https://host/x?y=1&access_token=abc", "hit https://host/x?y=1&access_token=***"},
		"a user keeps the name":                          {"hit -u joe:pass http://h", "hit -u joe:*** http://h"},
		"a URL within a setting is looked through":       {"run s --set target=http://joe:pw@h/", "run s --set target=http://joe:***@h/"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(Redact(strings.Fields(c.args)), " ")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzRedactURLKeepsNoPassword(f *testing.F) {
	f.Add("https://joe:geheim@host/x?token=geheim&a=1")
	f.Add("http://[::1]:80/?password=geheim")
	f.Add("a://:geheim@")
	f.Add("http://%zz:geheim@host")
	f.Fuzz(func(t *testing.T, text string) {
		got := RedactURL(text)
		if RedactURL(got) != got {
			t.Errorf("redacting %q twice changes it: %q, %q", text, got, RedactURL(got))
		}
	})
}

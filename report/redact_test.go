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

func TestRedactOfAShellCommand(t *testing.T) {
	for command, want := range map[string]string{
		"./server --port 80":                             "./server --port 80",
		"API_TOKEN=abc MODE=fast ./server":               "API_TOKEN=*** MODE=fast ./server",
		"exec ./server --password sesame -v":             "exec ./server --password *** -v",
		"./server --db-password='a b' --zone=eu":         "./server --db-password=*** --zone=eu",
		`env SECRET="x \" y" ./server; rm key`:           "env SECRET=*** ./server; rm key",
		"./server --db postgres://joe:pw@db/x?sslmode=y": "./server --db postgres://joe:***@db/x?sslmode=y",
		"curl http://h/?token=abc&n=1 && ./server":       "curl http://h/?token=***&n=1 && ./server",
		"http://joe:pw@127.0.0.1:80":                     "http://joe:***@127.0.0.1:80",
		"./server":                                       "./server",
	} {
		for _, flag := range []string{"--command", "--against"} {
			for _, args := range [][]string{{"run", flag, command}, {"run", flag + "=" + command}} {
				got := strings.Join(Redact(args), " ")
				if got = strings.NewReplacer(flag+"=", "", flag+" ", "").Replace(got); got != "run "+want {
					t.Errorf("%q becomes %q, not %q", args, got, "run "+want)
				}
			}
		}
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

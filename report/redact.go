package report

import (
	"net/url"
	"regexp"
	"strings"
)

// secret stands where a secret was.
const secret = "***"

// Redact returns a command line fit to be saved and shown: values of headers and
// variables that are secret by their name, data and passwords are replaced. What hides in
// an argument that does not look like a secret is not found.
func Redact(args []string) []string {
	out := make([]string, 0, len(args))
	flag := ""
	for _, arg := range args {
		switch name, value, joined := strings.Cut(arg, "="); {
		case flag != "":
			arg, flag = redactValue(flag, arg), ""
		case takesSecret(arg):
			flag = arg
		case joined && (strings.HasPrefix(name, "--") || takesSecret(name)):
			arg = name + "=" + redactValue(name, value)
		case len(arg) > 2 && takesSecret(arg[:2]):
			arg = arg[:2] + redactValue(arg[:2], arg[2:])
		default:
			arg = RedactURL(arg)
		}
		out = append(out, arg)
	}
	return out
}

// takesSecret reports whether the argument behind the flag may be a secret.
func takesSecret(flag string) bool {
	switch flag {
	case "-H", "--header", "-e", "--env", "--var", "--set", "-u", "--user", "--data", "--form", "-F", "--proxy", "-x", "--command", "--against":
		return true
	}
	return false
}

func redactValue(flag, value string) string {
	switch flag {
	case "-u", "--user":
		name, _, _ := strings.Cut(value, ":")
		return name + ":" + secret
	case "--data", "--form", "-F":
		if strings.HasPrefix(value, "@") {
			return value
		}
		return secret
	case "-H", "--header":
		return redactPair(value, ":", " ")
	case "-e", "--env", "--var", "--set":
		return redactPair(value, "=", "")
	case "--command", "--against":
		return redactShell(value)
	}
	return RedactURL(value)
}

// shellPair is a variable or a flag of a shell command with its value: TOKEN=x, --token x.
const shellPair = `(^|[\s;&|?("'])(-{0,2}[A-Za-z0-9_.-]+)(=|\s+)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;&|)"']+)`

// redactShell replaces in a shell command the values of variables and flags that sound secret,
// and passwords in URLs.
func redactShell(text string) string {
	if !strings.ContainsAny(text, " \t\n") { // a URL; a program's name stays as it is
		return RedactURL(text)
	}
	pair := regexp.MustCompile(shellPair)
	for from := 0; from < len(text); {
		at := pair.FindStringSubmatchIndex(text[from:])
		if at == nil {
			break
		}
		name, between := text[from+at[4]:from+at[5]], text[from+at[6]:from+at[7]]
		if !soundsSecret(name) || between != "=" && !strings.HasPrefix(name, "-") {
			from += at[5] // the value may be a name itself
			continue
		}
		text = text[:from+at[8]] + secret + text[from+at[9]:]
		from += at[8] + len(secret)
	}
	return regexp.MustCompile(`(://[^/\s:@]*):[^/\s]*@`).ReplaceAllString(text, "$1:"+secret+"@")
}

// redactPair replaces the value of a name that sounds secret.
func redactPair(pair, separator, space string) string {
	name, value, found := strings.Cut(pair, separator)
	if !found {
		return pair
	}
	if soundsSecret(name) {
		return name + separator + space + secret
	}
	return name + separator + RedactURL(value)
}

func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"auth", "cookie", "token", "secret", "password", "passwd", "key", "credential", "session", "signature", "bearer"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// RedactURL replaces the password of a URL, and the values of query parameters that are
// secret by their name. Text that is no absolute URL is returned as it is.
func RedactURL(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return regexp.MustCompile(`//[^/@]*@`).ReplaceAllString(text, "//"+secret+"@")
	}
	head, query, found := strings.Cut(text, "?")
	if _, has := u.User.Password(); has {
		head = regexp.MustCompile(`//([^/:@]*):[^/]*@`).ReplaceAllString(head, "//$1:"+secret+"@")
	}
	if !found {
		return head
	}
	pairs := strings.Split(query, "&")
	for i := range pairs {
		pairs[i] = redactPair(pairs[i], "=", "")
	}
	return head + "?" + strings.Join(pairs, "&")
}

package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// mostCommand is how many bytes of a command are shown.
const mostCommand = 4000

// Again returns the command that makes the run again, ready to be pasted into a shell; empty
// if it is not known. What only says where results and progress go is left out, so that it runs on
// another machine, and the seed is added.
func Again(command []string, seed uint64) string {
	if len(command) < 2 {
		return ""
	}
	var words []string
	seeded := false
	for i := 0; i < len(command); i++ {
		arg := command[i]
		name, _, joined := strings.Cut(arg, "=")
		switch {
		case slices.Contains([]string{"-o", "--output", "--out", "--ui"}, arg):
			i++
			continue
		case arg == "--resume":
			continue
		case joined && slices.Contains([]string{"--output", "--out", "--ui"}, name):
			continue
		case strings.HasPrefix(arg, "-o") && !strings.HasPrefix(arg, "--") && joined:
			continue
		}
		seeded = seeded || name == "--seed"
		words = append(words, Quote(arg))
	}
	if !seeded && seed != 0 && slices.Contains([]string{"run", "hit", "capacity"}, command[1]) {
		words = append(words, "--seed", strconv.FormatUint(seed, 10))
	}
	line := strings.Join(words, " ")
	if len(line) > mostCommand {
		return ""
	}
	return line
}

// redacted reports whether something was left out of a command that was secret.
func redacted(command []string) bool {
	return slices.ContainsFunc(command, func(arg string) bool { return strings.Contains(arg, "***") })
}

// Quote makes a word safe for a shell, and for whoever looks at it: characters that cannot
// be seen are written as escapes.
func Quote(word string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if strings.ContainsFunc(word, odd) {
		return ansiQuote(word)
	}
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ansiQuote writes a word as $'…', with an escape for every byte that is not plain.
func ansiQuote(word string) string {
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(word) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString("'")
	return b.String()
}

// Reproduce returns what to say about making a run again, and the command.
func Reproduce(run *Run) (say, command string) {
	if command = Again(run.Command, run.Seed); command == "" {
		return "", ""
	}
	if redacted(run.Command) {
		return "To run it again, with the secrets filled in that stand as ***:", command
	}
	return "To run it again:", command
}

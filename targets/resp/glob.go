package resp

// glob tells whether the text matches a pattern of Redis: * any bytes, ? one byte, [a-z]
// and [^a-z] one of some, and \ before a byte that means itself.
func glob(pattern, text string) bool {
	star, rest := -1, 0 // where to take the matching up again, with one byte more for the star
	p, t := 0, 0
	for t < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			star, rest = p, t
			p++
			continue
		}
		if p < len(pattern) {
			if size, ok := globByte(pattern[p:], text[t]); ok {
				p, t = p+size, t+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		rest++
		p, t = star+1, rest
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globByte matches one byte with the start of a pattern that does not begin with a star,
// and returns how long that part of the pattern is.
func globByte(pattern string, c byte) (size int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return globClass(pattern, c)
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// globClass matches one byte with the class that the pattern begins with. One that is not
// closed ends with the pattern.
func globClass(pattern string, c byte) (size int, ok bool) {
	i := 1
	not := i < len(pattern) && pattern[i] == '^'
	if not {
		i++
	}
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
			ok = ok || pattern[i] == c
		case i+2 < len(pattern) && pattern[i+1] == '-':
			low, high := min(pattern[i], pattern[i+2]), max(pattern[i], pattern[i+2])
			ok = ok || low <= c && c <= high
			i += 2
		default:
			ok = ok || pattern[i] == c
		}
	}
	return min(i+1, len(pattern)), ok != not
}

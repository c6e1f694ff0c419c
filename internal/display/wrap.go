package display

import "strings"

// wrap breaks s into lines of at most width columns, at blanks where there are some;
// what continues a line is indented two further than it. Colours go on over the break.
// A width of 0 is no limit.
//
//	wrap("  ✗ attempt 1 failed: out of memory", 24)  =  "  ✗ attempt 1 failed: "
//	                                                    "    out of memory"
func wrap(s string, width int) []string {
	if width <= 0 || visible(s) <= width {
		return []string{s}
	}
	runes := []rune(Escape(s))
	indent := 0
	for _, r := range runes {
		if isMark(r) {
			continue
		}
		if r != ' ' {
			break
		}
		indent++
	}
	indent = min(indent+2, width/2)

	var lines []string
	var line strings.Builder
	columns, mark := 0, ""
	end := func() {
		if mark != "" {
			line.WriteString(markEnd)
		}
		lines = append(lines, line.String())
		line.Reset()
		line.WriteString(strings.Repeat(" ", indent) + mark)
		columns = indent
	}
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case isMark(r):
			if mark = string(r); mark == markEnd {
				mark = ""
			}
		case r != ' ' && (i == 0 || runes[i-1] == ' ' || isMark(runes[i-1])) && columns > indent && columns+word(runes[i:]) > width:
			end() // the word as a whole goes to the next line
			columns++
		case r == ' ' && columns >= width:
			continue // at the end of a line a blank is nothing
		case columns >= width:
			end()
			columns++
		default:
			columns++
		}
		line.WriteRune(r)
	}
	return append(lines, line.String())
}

// word is how many columns the word takes that runes begin with.
func word(runes []rune) int {
	n := 0
	for _, r := range runes {
		if r == ' ' {
			break
		}
		if !isMark(r) {
			n++
		}
	}
	return n
}

package display

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text that others wrote reaches a screen: names, reasons, log lines. What a
// terminal would act on instead of showing it is written as \u001b here, in the
// one place through which all text is printed:
//
//	control characters of C0 and C1 (ECMA-48), DEL    move, recolour, retitle, answer back
//	bidirectional overrides (Unicode TR 36)           show text in another order than it has
//
// Our own colours are marked by noncharacters until then (paint), so that no text
// of others can be taken for them and become an escape.

// bidi are the characters that reorder what follows them.
var bidi = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x202a, Hi: 0x202e, Stride: 1}, {Lo: 0x2066, Hi: 0x2069, Stride: 1}}}

// acts tells whether a terminal does something else with r than show it.
func acts(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f || unicode.Is(bidi, r)
}

// Escape makes text harmless for a terminal. Newlines and tabs stay; bytes that
// are no UTF-8 are written as \xff. The result is valid JSON where text was.
func Escape(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return acts(r) || r == utf8.RuneError }) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r == '\r' && strings.HasPrefix(text, "\r\n"): // the end of a line, of other systems
		case acts(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

// Escaper is a writer that escapes what passes through it. It holds back a
// character, or a carriage return, whose rest has not come yet; Close writes it.
type Escaper struct {
	w    io.Writer
	held []byte
}

// NewEscaper writes to w.
func NewEscaper(w io.Writer) *Escaper { return &Escaper{w: w} }

// Write takes all of p, or fails as w does.
func (e *Escaper) Write(p []byte) (int, error) {
	all := append(e.held, p...)
	end := len(all)
	for i := max(0, end-utf8.UTFMax+1); i < end; i++ {
		if utf8.RuneStart(all[i]) && !utf8.FullRune(all[i:]) {
			end = i
		}
	}
	if end > 0 && end == len(all) && all[end-1] == '\r' {
		end--
	}
	if _, err := io.WriteString(e.w, Escape(string(all[:end]))); err != nil {
		return 0, err
	}
	e.held = append([]byte(nil), all[end:]...)
	return len(p), nil
}

// Close writes what was held back. It leaves w open.
func (e *Escaper) Close() error {
	_, err := io.WriteString(e.w, Escape(string(e.held)))
	e.held = nil
	return err
}

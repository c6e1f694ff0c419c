package display

import "fmt"

// Spare says how readily an item is left out of a screen that is too short for all of
// them.
type Spare int

// From what is always shown to what is left out first.
const (
	Essential Spare = iota // what it is about, and why it does not go on
	Useful                 // what goes on now
	Known                  // what is so, and stays so
	Past                   // what is done
)

// frame lays items out on a screen, each on as many lines as it takes: nothing is cut
// within. Where the screen is too short, the most spare items are left out, the older
// before the newer; and where the essential ones alone are too many, the last of them,
// with a word of how many.
func frame(items []Item, width, height int) []string {
	rows := height - 1 // the cursor stands below
	var blocks [][]string
	var spares []Spare
	total := 0
	for _, item := range items {
		if item.Line == "" {
			continue
		}
		lines := wrap(item.Line, width)
		blocks, spares, total = append(blocks, lines), append(spares, item.Spare), total+len(lines)
	}
	if height > 1 {
		for spare := Past; spare > Essential; spare-- {
			for i := range blocks {
				if total > rows && spares[i] == spare {
					total -= len(blocks[i])
					blocks[i] = nil
				}
			}
		}
	}
	var out []string
	for i, lines := range blocks {
		if height > 1 && total > rows && len(out)+len(lines) > rows-1 && len(out) > 0 {
			if len(out) >= rows {
				break
			}
			return append(out, fmt.Sprintf("… and %s", Count(left(blocks[i:]), "more", "more")))
		}
		out = append(out, lines...)
	}
	if height > 1 && len(out) > rows {
		out = out[:rows] // one item alone is longer than the screen
	}
	return out
}

// left counts the blocks that have lines.
func left(blocks [][]string) int {
	n := 0
	for _, b := range blocks {
		n += min(len(b), 1)
	}
	return n
}

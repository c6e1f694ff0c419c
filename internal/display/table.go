package display

import "strings"

// gap is the room between two columns.
const gap = 3

// Table is rows under a header. Cells may hold colour; the last column is not
// padded, so lines have no blanks at their end.
type Table struct {
	Header []string
	rows   [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "\n", `\n`) // a row is a line
	}
	t.rows = append(t.rows, cells)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Print writes the table.
func (t *Table) Print(o *Output) { t.print(o, "") }

func (t *Table) print(o *Output, indent string) {
	all := t.rows
	if len(t.Header) > 0 {
		header := make([]string, len(t.Header))
		for i, h := range t.Header {
			header[i] = o.Dim(h)
		}
		all = append([][]string{header}, t.rows...)
	}
	widths := widths(all)
	for _, row := range all {
		o.Println(strings.TrimRight(indent+line(row, widths), " "))
	}
}

// widths is the widest cell of each column.
func widths(rows [][]string) []int {
	var w []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(w) {
				w = append(w, 0)
			}
			w[i] = max(w[i], visible(cell))
		}
	}
	return w
}

// line pads all cells but the last.
func line(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-visible(cell)+gap))
		}
	}
	return b.String()
}

// visible is the number of columns that s takes once it is printed, colours
// apart.
func visible(s string) int {
	columns := 0
	for _, r := range Escape(s) {
		if !isMark(r) {
			columns++
		}
	}
	return columns
}

// Sections prints titled text: a name, dim and padded, then its value; a value
// of several lines is indented below the first.
type Sections struct{ rows [][2]string }

// Add appends a section; an empty value is left out.
func (s *Sections) Add(name, value string) {
	if value != "" {
		s.rows = append(s.rows, [2]string{name, value})
	}
}

// Print writes the sections.
func (s *Sections) Print(o *Output) {
	width := 0
	for _, row := range s.rows {
		width = max(width, len(row[0]))
	}
	margin := strings.Repeat(" ", width+gap)
	for _, row := range s.rows {
		first, rest, more := strings.Cut(strings.TrimRight(row[1], "\n"), "\n")
		o.Println(o.Dim(row[0]) + margin[len(row[0]):] + first)
		if more {
			o.Println(margin + strings.ReplaceAll(rest, "\n", "\n"+margin))
		}
	}
}

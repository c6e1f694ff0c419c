// Package display turns the words of package aim into lines for people: tables,
// live progress, sizes and times. It decides nothing and asks nobody: every
// function takes what it shows, and the time it is, as arguments.
//
//	out := display.New(os.Stdout, display.Auto)
//	t := display.Table{Header: []string{"NAME", "PHASE"}}
//	t.Add("qwen3-32b", out.Phase(aim.Ready))
//	t.Print(out)
//
// A terminal gets colour and lines that change in place; a pipe gets plain
// lines, the same words in the same order.
package display

package figure

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Goal is a figure to reach.
type Goal struct {
	Name, Unit string
	Against    float64
}

// Group measures figures that share a set-up. What Run does not return is told as
// missing, with the error.
type Group struct {
	Goals []Goal
	Run   func(ctx context.Context) (map[string]float64, error)
}

// Measure runs the groups that hold a figure of only (names separated by commas, ""
// for all), and writes one line for each of their figures. What it does is told to
// progress.
func Measure(ctx context.Context, groups []Group, only string, out, progress io.Writer) {
	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' })
	for _, g := range groups {
		if len(wanted) > 0 && !slices.ContainsFunc(g.Goals, func(goal Goal) bool { return slices.Contains(wanted, goal.Name) }) {
			continue
		}
		began := time.Now()
		values, err := g.Run(ctx)
		for _, goal := range g.Goals {
			if v, ok := values[goal.Name]; ok {
				_ = Figure{Name: goal.Name, Value: v, Unit: goal.Unit, Against: goal.Against}.Tell(out)
				continue
			}
			why := "it was not measured"
			if err != nil {
				why = err.Error()
			}
			_ = Missing{Name: goal.Name, Unit: goal.Unit, Against: goal.Against, Why: why}.Tell(out)
		}
		fmt.Fprintf(progress, "%s and the like: %.0f s\n", g.Goals[0].Name, time.Since(began).Seconds())
	}
}

// Package recipe is what a recipe file says, with its rules, and the small
// tables that stand behind every recipe: kinds of GPU, what a backend is run with
// by default, fallbacks that go for all.
package recipe

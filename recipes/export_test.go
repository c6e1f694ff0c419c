package recipes

// CountParameters gives tests the number of parameters that a shape has, 0
// when it does not say enough.
func CountParameters(a *Architecture) float64 {
	if !a.complete() {
		return 0
	}
	_, total := a.parameters(split{tensor: 1})
	return total
}

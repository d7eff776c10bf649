package number

import "math"

// Exp returns e to the x.
func Exp(x float64) float64 { return math.Exp(x) }

// Log returns the natural logarithm.
func Log(x float64) float64 { return math.Log(x) }

func powDouble(x, y float64) float64 { return math.Pow(x, y) }

package page

import (
	"fmt"
	"time"
)

// The forms of numbers on the page.

func times(x float64) string { return fmt.Sprintf("×%.2f", x) }

func percent(x float64) string { return fmt.Sprintf("%.3g %%", 100*x) }

func whole(x float64) string { return fmt.Sprintf("%.0f", x) }

func mebibytes(x float64) string { return fmt.Sprintf("%.1f MiB", x/mib) }

func memory(u Usage) string {
	return fmt.Sprintf("%.1f (%.1f)", float64(u.Resident)/mib, float64(u.Peak)/mib)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// beside is what something needs, and how many times what it needs alone.
func beside(text string, with, alone float64) string {
	return fmt.Sprintf("%s (%s)", text, times(ratio(with, alone)))
}

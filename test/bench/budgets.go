package main

import (
	"fmt"
	"time"
)

// The budgets that this program measures.
const (
	budgetSingleP50  = 1.25
	budgetSingleP99  = 1.5
	budgetBurst      = 1.4
	budgetAll        = 1.25
	budgetSame       = 1.25
	budgetConverge   = 1.5
	budgetIntegrated = 50 * time.Millisecond
	budgetDown       = 2 * time.Second
	budgetRequests   = 2.2
	budgetCPU        = 3 * time.Millisecond
	budgetIdle       = 12 // leases per minute
	budgetRelabel    = 5 * time.Millisecond
	budgetEvaluated  = 20 * time.Second
	budgetFirst      = time.Second
)

// budgetScale is the number of namespaces from which on budgets are judged.
const budgetScale = 1000

// memoryBudgets are by size; the first that is large enough holds.
var memoryBudgets = []struct {
	namespaces, pods int
	limit            uint64
}{
	{1_000, 5_000, 60 << 20},
	{10_000, 50_000, 220 << 20},
}

// verdict is a budget beside what was measured.
type verdict struct {
	// at is the size of the cluster.
	what, at, limit, measured string
	// share is measured over limit: above 1 the budget is missed. It is 0 where
	// nothing was measured.
	share float64
}

// String says met, or missed by how much.
func (v verdict) String() string {
	switch {
	case v.share == 0:
		return "not measured"
	case v.share <= 1:
		return "met"
	default:
		return fmt.Sprintf("missed by %.0f %%", max(1, (v.share-1)*100))
	}
}

// factor compares a time with the floor's.
func factor(what string, measured, floor time.Duration, limit float64) verdict {
	v := verdict{what: what, limit: fmt.Sprintf("≤ %.2f× floor", limit), measured: nothing}
	if measured > 0 && floor > 0 {
		r := ratio(measured, floor)
		v.measured = fmt.Sprintf("%.2f× (%s, floor %s)", r, readable(measured), readable(floor))
		v.share = r / limit
	}
	return v
}

// atMost compares a time with the longest allowed.
func atMost(what string, measured, limit time.Duration) verdict {
	return verdict{what: what, limit: "≤ " + readable(limit), measured: readable(measured), share: ratio(measured, limit)}
}

// judge compares what was measured with the budgets. smaller is the result with
// fewer namespaces, if there is one.
func judge(r, smaller *sizeResult) []verdict {
	f, h := r.of(floorName), r.of(holdfastName)
	if f == nil || h == nil {
		return nil
	}
	singleF, singleH := pooled(f.single), pooled(h.single)
	p50, p99 := sample.median, func(s sample) time.Duration { return s.percentile(99) }
	verdicts := []verdict{
		factor("One drift, p50", p50(singleH), p50(singleF), budgetSingleP50),
		factor("One drift, p99", p99(singleH), p99(singleF), budgetSingleP99),
		atMost("One drift: from the journal to the log, p99", h.evidence.integrated.quantile(0.99), budgetIntegrated),
		factor("Many at once, median of the bursts' p50", each(h.bursts, p50).median(), each(f.bursts, p50).median(), budgetBurst),
		factor("All at once, last repaired (median)", each(h.all, sample.last).median(), each(f.all, sample.last).median(), budgetAll),
		factor("New namespaces, all protected (median)", lasts(h.converged).median(), lasts(f.converged).median(), budgetConverge),
		atMost("Drift while down, last repaired (worst)", pooled(h.down).last(), budgetDown),
		requests(h.cost),
		atMost("CPU per drift", h.cost.cpuEach(), budgetCPU),
	}
	if smaller != nil && smaller.of(holdfastName) != nil {
		verdicts = append(verdicts, growth(h.cost, smaller.of(holdfastName).cost))
	}
	verdicts = append(verdicts, sameEachTime(h.same), reopened(h), idleVerdict(h.idle), memoryVerdict(r.namespaces, 0, h.peak), recorded(r.ledger))
	return located(fmt.Sprintf("%d namespaces", r.namespaces), verdicts)
}

// located says at which size budgets were judged.
func located(at string, verdicts []verdict) []verdict {
	for i := range verdicts {
		verdicts[i].at = at
	}
	return verdicts
}

func lasts(all []converged) sample {
	var s sample
	for _, c := range all {
		s = append(s, c.last)
	}
	return s
}

func requests(c cost) verdict {
	v := verdict{what: "API requests per drift", limit: fmt.Sprintf("≤ %.1f", budgetRequests), measured: nothing}
	if c.events > 0 {
		v.measured = fmt.Sprintf("%.2f", c.perDrift())
		v.share = c.perDrift() / budgetRequests
	}
	return v
}

// growth allows for a tenth: processor time is counted in steps of 10 ms.
func growth(large, small cost) verdict {
	const tolerated = 1.1
	v := verdict{what: "CPU per drift does not grow with the namespaces", limit: "≤ 1.10×", measured: nothing}
	if r := ratio(large.cpuEach(), small.cpuEach()); r > 0 {
		v.measured = fmt.Sprintf("%.2f× (%s, with fewer %s)", r, readable(large.cpuEach()), readable(small.cpuEach()))
		v.share = r / tolerated
	}
	return v
}

// idleVerdict allows for leases only: any other request misses the budget.
func idleVerdict(i idle) verdict {
	v := verdict{what: "Idle minute", limit: fmt.Sprintf("leases only, ≤ %d", budgetIdle), measured: nothing}
	if i.lasted == 0 {
		return v
	}
	perMinute := float64(time.Minute) / float64(i.lasted)
	v.measured = i.requests.String()
	leases := i.requests.total(kindLease)
	v.share = max(float64(leases)*perMinute/budgetIdle, 0.01)
	if others := i.requests.total() - leases; others > 0 {
		v.share = max(v.share, 1+float64(others)*perMinute/budgetIdle)
	}
	return v
}

// sameEachTime compares the second half of drifts of one object in a row with
// the first.
func sameEachTime(rows []sample) verdict {
	v := verdict{what: "The same object again and again, later against earlier drifts (medians)", limit: fmt.Sprintf("≤ %.2f×", budgetSame), measured: nothing}
	var earlier, later sample
	for _, row := range rows {
		half := len(row) / 2
		earlier, later = append(earlier, row[:half]...), append(later, row[half:]...)
	}
	if r := ratio(later.median(), earlier.median()); r > 0 {
		v.measured = fmt.Sprintf("%.2f× (%s, %s)", r, readable(later.median()), readable(earlier.median()))
		v.share = r / budgetSame
	}
	return v
}

// memoryVerdict judges the highest resident memory, and shows what of it are not
// pages of files.
func memoryVerdict(namespaces, pods int, peak memory) verdict {
	v := verdict{what: "Resident memory, peak", limit: nothing, measured: nothing}
	if peak.resident == 0 {
		return v
	}
	v.measured = fmt.Sprintf("%s (%s without pages of files)", mebibytes(peak.resident), mebibytes(peak.private))
	for _, b := range memoryBudgets {
		if namespaces <= b.namespaces && pods <= b.pods {
			v.limit, v.share = "≤ "+mebibytes(b.limit), float64(peak.resident)/float64(b.limit)
			break
		}
	}
	return v
}

// reopened counts objects that the engine itself wrote to allow ingress.
func reopened(m *measured) verdict {
	v := verdict{what: "Changed to allow all ingress, and written back so by us", limit: "never", measured: nothing}
	if m.opened > 0 {
		v.measured = fmt.Sprintf("%d of %d changes", m.reopened, m.opened)
		v.share = 1 + float64(m.reopened)/float64(m.opened)
	}
	return v
}

func recorded(c *ledgerCheck) verdict {
	v := verdict{what: "Every drift recorded once", limit: "0 lost, 0 twice", measured: nothing}
	if c == nil || c.made == 0 {
		return v
	}
	v.measured = fmt.Sprintf("%d drifts, %d lost, %d too many", c.made, c.lost, c.surplus)
	v.share = 1 + float64(c.lost+c.surplus)/float64(c.made)
	return v
}

// elsewhere are the budgets that other programs measure.
func elsewhere() []verdict {
	return []verdict{
		{what: "First verdict of `make demo`", at: "a warm cache", limit: "≤ 30 s", measured: "by `make demo`, see the notes"},
	}
}

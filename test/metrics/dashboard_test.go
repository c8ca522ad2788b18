package metrics

import "testing"

func (p *page) hasWhatTheDashboardAsks(t *testing.T) {}

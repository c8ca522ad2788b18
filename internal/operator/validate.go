package operator

import (
	"errors"
	"fmt"
)

// validate reports an option that cannot be meant.
func (o *Options) validate() error {
	switch {
	case o.Namespace == "":
		return errors.New("-namespace: is empty; name the namespace that the operator runs in")
	case o.LedgerDir == "":
		return errors.New("-ledger-dir: is empty; name the directory of the ledger's volume")
	case o.ContentionThreshold < 1:
		return fmt.Errorf("-contention-threshold: %d is no number of repairs an hour; name 1 or more", o.ContentionThreshold)
	case o.ProgressTimeout <= 0:
		return fmt.Errorf("-progress-timeout: %s is no time to wait; name one of more than a minute, such as 2m", o.ProgressTimeout)
	}
	if o.DNSService == "" {
		return nil
	}
	_, err := parseService(o.DNSService)
	return err
}

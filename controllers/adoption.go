package controllers

import (
	"context"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// adoptAll puts the policies in force that there are when this process begins to
// observe: before it judges any namespace, for what one policy wants applied
// another one may withhold. One that cannot be put in force is tried again when
// it is reconciled.
func (r *Engine) adoptAll(ctx context.Context) {
	policies := &v1alpha1.ControlPolicyList{}
	if err := r.Client.List(ctx, policies); err != nil {
		r.Log.Error(err, "The policies could not be listed; each is put in force on its own")
		return
	}
	for i := range policies.Items {
		if err := (&PolicyReconciler{r}).adopt(&policies.Items[i]); err != nil {
			r.Log.Error(err, "A policy could not be put in force", "policy", policies.Items[i].Name)
		}
	}
}

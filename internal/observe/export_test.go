package observe

// Complete is closed when every kind is synced or was seen to fail, and every
// namespace was announced since.
func (o *Observer) Complete() <-chan struct{} { return o.complete }

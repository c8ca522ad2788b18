package operator

import "github.com/go-logr/logr"

// Quiet returns a logger that says one level later what it is told: what the
// libraries have to say is for those who ask for it. Errors are not delayed.
func Quiet(log logr.Logger) logr.Logger { return log.WithSink(quiet{log.GetSink()}) }

// quiet is a sink, because libraries take a logger's sink and leave its level.
type quiet struct{ logr.LogSink }

// Enabled reports whether the sink is enabled one level up.
func (q quiet) Enabled(level int) bool { return q.LogSink.Enabled(level + 1) }

// Info logs one level up.
func (q quiet) Info(level int, msg string, keysAndValues ...any) {
	q.LogSink.Info(level+1, msg, keysAndValues...)
}

// Error logs an error, but for one that is none: a process that releases its
// lease as it stops is told that it lost it.
func (q quiet) Error(err error, msg string, keysAndValues ...any) {
	if err != nil && err.Error() == "leader election lost" {
		q.Info(0, msg, append(keysAndValues, "error", err.Error())...)
		return
	}
	q.LogSink.Error(err, msg, keysAndValues...)
}

// WithValues keeps the sink quiet.
func (q quiet) WithValues(keysAndValues ...any) logr.LogSink {
	return quiet{q.LogSink.WithValues(keysAndValues...)}
}

// WithName keeps the sink quiet.
func (q quiet) WithName(name string) logr.LogSink { return quiet{q.LogSink.WithName(name)} }

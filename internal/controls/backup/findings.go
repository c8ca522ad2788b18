package backup

// maxFact bounds a fact, in bytes.
const maxFact = 1024

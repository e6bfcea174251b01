package model

// State is what all hospitals share after a round. It is a value: no function
// changes a State that it was given, nor what its pointers and slices lead to.
type State struct {
	Round        int           // the round that comes next, from 0
	Unopened     int           // rounds so far that came to nothing: each was taken again
	Tries        int           // of these, those since the last that did not
	Standardiser *Standardiser // nil before round 0 is applied
	Weights      []float64     // of the model, on standardised features, the intercept first
	TrainRows    int64         // training rows of the hospitals in the last training round; 0 before
	Metrics      *Metrics      // joint test metrics; nil before the evaluation is applied
	Fit          *Fit          // nil but for trainer newton, after its first round
}

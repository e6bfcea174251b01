// Package learning is a study on secret shares: what a hospital does from its
// table to the model. Features are standardised by joint means and spreads, a
// secure sum as in every scheme; then the rows themselves are shared, the
// training runs on shares, and in the end the weights open, or only each
// hospital's own predictions, as the study says.
package learning

// Command hospital-node runs one hospital of a federation that trains a model
// together without a server, and shows it on one machine: `hospital-node demo`.
package main

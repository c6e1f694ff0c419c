// Package control carries out the activities of the control process: it chooses
// recipes, places replicas, keeps the waiting order while it leads, and makes room
// for those who wait.
package control

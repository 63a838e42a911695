suppressMessages(library(data.table))
print(dim(fread(commandArgs(TRUE)[1], showProgress = FALSE)))

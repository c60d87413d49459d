from validation.sites.agreement import main

main()

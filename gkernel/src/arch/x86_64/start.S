# The entry of a guest: long mode with the hypervisor's tables, which map each address to itself; RSP
# set by the hypervisor. It moves to tables of its own and to the high half, where it is linked.

.section .text.boot, "ax"
.global _start
_start:
    jmp     guest_keep_start_state
.global guest_start_state_is_kept
guest_start_state_is_kept:
    mov     [rip + guest_argument], rdi
    lea     rax, [rip + guest_pml4]
    mov     cr3, rax
    movabs  rax, offset guest_high
    jmp     rax
guest_high:
    # The low half goes: it was for the last few instructions.
    movabs  rax, offset guest_pml4
    mov     qword ptr [rax], 0
    mov     rax, cr3
    mov     cr3, rax
    movabs  rax, {offset}
    add     rsp, rax
    lgdt    [rip + guest_gdt_pointer]
    lidt    [rip + guest_idt_pointer]
    call    {fill_idt}
    call    main
    ud2                                 # `main` shuts down

.section .data
.p2align 12
guest_pml4:
    .quad   guest_pdpt_low - {offset} + 3
    .zero   8 * 510
    .quad   guest_pdpt - {offset} + 3
# Gigabyte 0 at its own address.
guest_pdpt_low:
    .quad   0x83
    .zero   8 * 511
# The last 512 GiB: RAM (gigabyte 0) 2 GiB before the end, and the gigabyte of the flash (3),
# uncached, at the end. The gigabyte before them is left to be mapped on demand.
.global guest_pdpt
guest_pdpt:
    .zero   8 * 510
    .quad   0x83
    .quad   0xC0000000 + 0x9B
.global guest_argument
guest_argument:
    .quad   0
.p2align 4
.global guest_idt
guest_idt:
    .zero   16 * 64
.p2align 3
guest_gdt:
    .quad   0
    .quad   0x00AF9B000000FFFF          # 0x08: 64-bit code
    .quad   0x00CF93000000FFFF          # 0x10: data
guest_gdt_pointer:
    .short  3 * 8 - 1
    .quad   guest_gdt
guest_idt_pointer:
    .short  64 * 16 - 1
    .quad   guest_idt

# Exceptions and interrupts: a stub of 16 bytes for each vector, which leaves an error code and the vector in front of
# what the CPU pushed (`Frame`).
.section .text
.macro STUBS from, to, with_code
    .set    vector, \from
    .rept   \to - \from + 1
    .p2align 4
    .if \with_code == 0
    push    0
    .endif
    push    vector
    jmp     guest_exception
    .set    vector, vector + 1
    .endr
.endm
.p2align 4
.global guest_exception_stubs
guest_exception_stubs:
    STUBS   0, 7, 0
    STUBS   8, 8, 1                     # #DF
    STUBS   9, 9, 0
    STUBS   10, 14, 1                   # #TS, #NP, #SS, #GP, #PF
    STUBS   15, 16, 0
    STUBS   17, 17, 1                   # #AC
    STUBS   18, 20, 0
    STUBS   21, 21, 1                   # #CP
    STUBS   22, 63, 0

# Keep what a Rust function may change. RSP is a multiple of 16 at its call: the CPU aligns it, and then
# come 16 words.
guest_exception:
    push    rax
    push    rcx
    push    rdx
    push    rsi
    push    rdi
    push    r8
    push    r9
    push    r10
    push    r11
    lea     rdi, [rsp + 72]
    cld
    call    {exception}
    pop     r11
    pop     r10
    pop     r9
    pop     r8
    pop     rdi
    pop     rsi
    pop     rdx
    pop     rcx
    pop     rax
    add     rsp, 16                     # the vector and the error code
    iretq
